/**
 * The keys that steer the agent itself: `check`, when it looks at its site, and `report`, where it tells how it is.
 *
 * @module
 */
import { httpUrl, mapping, wholeNumber } from "../schema/fields.ts";
import { described } from "../schema/words.ts";
import { courseKey } from "./key.ts";

/** How often a node asks its site when it is not told otherwise, in seconds. */
export const CHECK_SECONDS = 300;

export const check = courseKey({
  schema: described(
    mapping({
      everySeconds: described(
        wholeNumber(5, 604800, "seconds"),
        "How often the node looks whether its site has something new, give or take a tenth.",
        { since: "0.1.0", unit: "seconds", default: `${CHECK_SECONDS}` },
      ),
    }),
    "When the node looks at its site.",
    { since: "0.1.0", default: `everySeconds: ${CHECK_SECONDS}` },
  ),
  example: "check:\n  everySeconds: 1800\n",
  desired: (value) => ({ everySeconds: value?.everySeconds ?? CHECK_SECONDS }),
});

export const report = courseKey({
  schema: described(
    mapping({
      url: described(
        httpUrl,
        "Where the node puts its status document (HTTP PUT) after each round.",
        { since: "0.1.0", secrecy: "secret" },
      ),
    }),
    "Where the node tells how it is.",
    { since: "0.1.0", default: "nowhere; the status is in /run/psyopsos/status.json on the node" },
  ),
  example: "report:\n  url: https://reports.example/orchid\n",
  desired: (value) => ({ url: value?.url }),
});
