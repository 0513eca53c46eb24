/** AWS files and variables, and what botocore makes of them: tests/vectors/aws_files.json, see support/botocore/ask.py. */

/** What botocore finds; null is nothing. */
export interface AwsFileAnswer {
  /** Name of the exception that it ends with. */
  error?: string | true;
  profile?: string | null;
  region?: string | null;
  /** Null is Amazon's own. */
  endpoint?: string | null;
  pathStyle?: boolean;
  /** Where the keys come from; others than "env", "shared-credentials-file" and "config-file" have to be got first. */
  method?: string | null;
  accessKey?: string;
  secretKey?: string;
  sessionToken?: string | null;
}

/** One case. */
export interface AwsFileCase {
  name: string;
  /** Content by path below the home directory. */
  files: Record<string, string>;
  /** HOME in a value stands for the home directory. */
  env: Record<string, string>;
  /** The profile that an option names. */
  profile?: string;
  /** The first version of botocore that knows what is asked. */
  since?: string;
  answer: AwsFileAnswer;
  /** In what we differ, and why. */
  ours?: AwsFileAnswer;
  why?: string;
}

/** The table. */
export async function readAwsFileCases(): Promise<{ botocore: string; cases: AwsFileCase[] }> {
  const path = new URL("../vectors/aws_files.json", import.meta.url);
  return JSON.parse(await Deno.readTextFile(path));
}
