/**
 * The S3 client package, made patient: each single request (a part of a big upload too) has a time limit and is tried again,
 * with growing pauses, while that can help.
 *
 * @module
 */
import { S3Client } from "@bradenmacdonald/s3-lite-client";
import type { Host } from "../host.ts";
import { isTransient, NoAnswer } from "./s3_errors.ts";
import type { S3Settings } from "./s3_settings.ts";

/** How patient a client is. */
export interface Patience {
  /** Seconds until an answer must have begun, beside the time that the request's own size takes. */
  timeoutSeconds: number;
  /** How often a request is tried at most. */
  attempts: number;
  /** Pause before the second try; doubles with each one after it. */
  pauseMs: number;
}

/** What suits a home's upstream and a big provider. */
export const PATIENCE: Patience = { timeoutSeconds: 30, attempts: 5, pauseMs: 400 };

/** The slowest line that is waited for. */
const BYTES_PER_SECOND = 32 * 1024;

type Request = Parameters<S3Client["makeRequest"]>[0];

/** The client. Its methods fail with what the package throws, or with {@linkcode NoAnswer}. */
export class PatientClient extends S3Client {
  /** Requests that were sent again. */
  retries = 0;

  constructor(
    readonly sleeper: Pick<Host, "sleep">,
    settings: S3Settings,
    bucket: string,
    readonly patience: Patience = PATIENCE,
    readonly random: () => number = Math.random,
  ) {
    const { endpoint, region, pathStyle, accessKey, secretKey, sessionToken } = settings;
    super({ endPoint: endpoint, bucket, region, pathStyle, accessKey, secretKey, sessionToken });
  }

  override async makeRequest(request: Request): Promise<Response> {
    const { attempts, pauseMs } = this.patience;
    for (let attempt = 1;; attempt++) {
      try {
        return await this.#once(request);
      } catch (error) {
        if (attempt >= attempts || !isTransient(error)) throw error;
      }
      this.retries++;
      const pause = pauseMs * 2 ** (attempt - 1);
      // Half of it by chance, so that parallel requests do not come back as one crowd.
      await this.sleeper.sleep(pause / 2 + this.random() * pause / 2);
    }
  }

  async #once(request: Request): Promise<Response> {
    const size = request.payload?.length ?? 0;
    const seconds = this.patience.timeoutSeconds + Math.ceil(size / BYTES_PER_SECOND);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new NoAnswer(seconds)), seconds * 1000);
    });
    try {
      return await Promise.race([this.#send(request), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Sends a request and, where its body is wanted, reads it here: what breaks off is tried again. */
  async #send(request: Request): Promise<Response> {
    const response = await super.makeRequest({
      ...request,
      // The package writes into the headers it is given.
      headers: new Headers(request.headers),
    });
    if (!request.returnBody) return response;
    const { status, headers } = response;
    return new Response(await response.arrayBuffer(), { status, headers });
  }
}
