/**
 * Target: what an S3 server answers: lists, errors, objects, redirects. The client asks a server that is none.
 *
 * @module
 */
import { type Bytes, utf8 } from "../../../../lib/bytes.ts";
import { UserError } from "../../../../lib/errors.ts";
import { isErrorBody, readServerError } from "../../../../lib/publish/s3_errors.ts";
import { redirectOf } from "../../../../lib/publish/s3_redirect.ts";
import { S3Target } from "../../../../lib/publish/s3_target.ts";
import { S3Wire } from "../../../../lib/publish/s3_wire.ts";
import { parseXml, XmlError } from "../../../../lib/publish/s3_xml.ts";
import { textPieces } from "../pieces.ts";
import { type Sample, subjectOf } from "../samples.ts";
import { type Input, partOf, type Subject, textOf, WrongAnswer } from "../target.ts";

const XML = '<?xml version="1.0" encoding="UTF-8"?>\n';
const NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"';
const LIST = `${XML}<ListBucketResult ${NAMESPACE}>
  <Name>bucket</Name><Prefix>site/</Prefix><KeyCount>2</KeyCount><MaxKeys>1000</MaxKeys>
  <IsTruncated>false</IsTruncated>
  <Contents>
    <Key>site/psyopsOS/global.json</Key>
    <LastModified>2026-11-22T20:00:00.000Z</LastModified>
    <ETag>&quot;d41d8cd98f00b204e9800998ecf8427e&quot;</ETag>
    <Size>100</Size>
    <StorageClass>STANDARD</StorageClass>
  </Contents>
  <Contents>
    <Key>site/psyopsOS/timestamp.json</Key>
    <LastModified>2026-11-22T20:00:00.000Z</LastModified>
    <ETag>"9e107d9d372bb6826bd81d3542a419d6"</ETag>
    <Size>2000</Size>
  </Contents>
</ListBucketResult>
`;
/** The same, which has a page behind it. */
const FIRST = LIST.replace(
  "<IsTruncated>false</IsTruncated>",
  "<IsTruncated>true</IsTruncated><NextContinuationToken>1ueGcx</NextContinuationToken>",
);
const ERROR = `${XML}<Error>
  <Code>NoSuchKey</Code><Message>The key does not exist.</Message>
  <Key>site/psyopsOS/timestamp.json</Key><Region>eu-central-1</Region>
  <RequestId>4442587FB7D0A2F9</RequestId>
</Error>
`;
const HEADERS = `status: 200
content-type: application/xml
content-length: 100
etag: "9e107d9d372bb6826bd81d3542a419d6"
last-modified: Sun, 22 Nov 2026 20:00:00 GMT
x-amz-meta-sha256: ${"1f".repeat(32)}
x-amz-meta-psyopsos: 42
`;
const KINDS = ["list", "error", "get", "stat"] as const;
type Kind = typeof KINDS[number];
const BODIES: Readonly<Record<Kind, string>> = { list: LIST, error: ERROR, get: "{}\n", stat: "" };
const MAX_BYTES = 4096;
/** A client that asks more often for one thing goes on for ever; it follows some thousand pages. */
const MAX_REQUESTS = 10_000;
const PATH = "psyopsOS/timestamp.json";
const FACTS = { contentType: "text/plain", cacheControl: "no-cache", sha256: "1f".repeat(32) };
const CONTENT = {
  size: 1,
  read: () => Promise.resolve(utf8("x")),
  async *chunks(): AsyncGenerator<Bytes> {
    yield await Promise.resolve(utf8("x"));
  },
};

const SETTINGS = {
  endpoint: "https://s3.example.org",
  region: "eu-central-1",
  pathStyle: true,
  accessKey: "AKIAIOSFODNN7EXAMPLE",
  secretKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
};
const PATIENCE = { timeoutSeconds: 30, attempts: 1, pauseMs: 0 };

/** Name of the part that is the second page of a list. */
const NEXT = "next";

function sampleOf(kind: Kind): Sample {
  const headers = kind === "error" ? HEADERS.replace("200", "404") : HEADERS;
  const body = kind === "list" || kind === "error" ? textPieces(BODIES[kind]) : [];
  return { parts: { [`${kind} headers`]: textPieces(headers), [kind]: body } };
}

const pages: Sample = {
  parts: {
    "list headers": textPieces(HEADERS),
    list: textPieces(FIRST),
    [NEXT]: textPieces(LIST),
  },
};

/** The server that an input stands for: it answers the same, however often one asks. */
function serverOf(input: Input, kind: Kind): (url: string) => Response {
  const headers = new Headers();
  let status = 200;
  for (const line of textOf(input, `${kind} headers`).split("\n")) {
    const [name = "", ...words] = line.split(": ");
    const value = words.join(": ");
    if (name === "status") status = /^[2-5]\d\d$/.test(value) ? Number(value) : 500;
    else if (/^[\w-]+$/.test(name) && /^[\x20-\x7e\t]*$/.test(value)) headers.append(name, value);
  }
  return (url) => {
    const isNext = url.includes("continuation-token=") && input.has(NEXT);
    const hasNone = [204, 205, 304].includes(status) || kind === "stat";
    const body = hasNone ? null : partOf(input, isNext ? NEXT : kind);
    return new Response(body, { status, headers });
  };
}

/** Answers and how they are changed. */
export function subject(): Subject {
  return subjectOf({
    samples: [...KINDS.map(sampleOf), sampleOf("list"), pages],
    refuses: (error) => error instanceof XmlError,
    read: async (input) => {
      const kind = KINDS.find((one) => input.has(one) || input.has(`${one} headers`)) ?? "list";
      if (kind === "list" || kind === "error") readAsText(input, kind);
      return await ask(kind, serverOf(input, kind));
    },
  });
}

/** Errors and redirects as their readers see them, whatever else is done with them. */
function readAsText(input: Input, kind: Kind): void {
  const text = textOf(input, kind);
  isErrorBody(text);
  const { status, headers } = serverOf(input, kind)("");
  readServerError(status, headers, text);
  const next = redirectOf(status, headers, new URL(SETTINGS.endpoint), new URL(SETTINGS.endpoint));
  if (next && !/(?:^|\.)example\.org$/.test(next.url.hostname)) {
    throw new WrongAnswer(`it goes to another host: ${next.url}`);
  }
  if (kind === "list") parseXml(text);
}

async function ask(kind: Kind, respond: (url: string) => Response): Promise<unknown> {
  let requests = 0;
  const host = {
    now: () => new Date("2026-11-22T20:00:00Z"),
    sleep: () => Promise.resolve(),
    fetch: (url: string) => {
      if (++requests > MAX_REQUESTS) throw new WrongAnswer("it asks without an end");
      return Promise.resolve(respond(url));
    },
  };
  const target = new S3Target(new S3Wire(host, SETTINGS, "bucket", PATIENCE, () => 0), "site");
  if (kind === "list") {
    const listed: string[] = [];
    for await (const { path } of target.list("psyopsOS/")) listed.push(path);
    return listed;
  }
  if (kind === "stat") return await target.stat(PATH) ?? "missing";
  const found = await target.get(PATH, MAX_BYTES);
  if (found && found.bytes.length > MAX_BYTES) throw new WrongAnswer("it takes more than it may");
  if (kind === "error") await putAnyway(target);
  return found ?? "missing";
}

/** An error is what most of these answers mean. */
async function putAnyway(target: S3Target): Promise<void> {
  try {
    await target.put("x", CONTENT, FACTS, { before: { bytes: utf8("x"), tag: '"1"' } });
    await target.remove("x");
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
  }
}
