/** Serves the reader that throws under the name of one that the command line knows. */
import { serve } from "../../../tasks/dev/fuzz/child.ts";
import { BAD_READERS } from "./readers.ts";

await serve({ tar: BAD_READERS.throws! }, Deno.args);
