/** The part of @std/cli/prompt-secret that psyopsOS uses. Returns null when stdin is no terminal. */
export interface PromptSecretOptions {
  mask?: string;
  clear?: boolean;
}
export function promptSecret(message?: string, options?: PromptSecretOptions): string | null;
