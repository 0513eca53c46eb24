/**
 * The page for people in a real browser: on a whole site, and on sites that were tampered with in each way that someone
 * with the web server in hand could.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { text, utf8 } from "../../lib/bytes.ts";
import { DenoHost } from "../../lib/deno_host.ts";
import { directorySite, SiteServer } from "../../lib/lab/site_server.ts";
import { generateIdentity } from "../../lib/trust/age_keygen.ts";
import { loadKeyring } from "../../lib/trust/keyring.ts";
import { publicKeyLine } from "../../lib/trust/minisign.ts";
import { publicKeyOf } from "../../lib/trust/minisign_sign.ts";
import { initKeys } from "../../lib/trust/root_sign.ts";
import { makeSite } from "../../site/build/make_site.ts";
import { fleetFiles } from "../site/support.ts";
import { checksOf, keepScreenshot, startBrowser, verdictOf, visit } from "../support/browser.ts";
import { imageManifest } from "../support/image_manifest.ts";
import { testKey } from "../support/signed_site.ts";
import { needTool, toolPath } from "../support/tools.ts";

const host = new DenoHost();
const NOTES = `<img src=x onerror="alert(1)"><script>alert(2)</script>`;

const ALL_HOLD = {
  keys: "holds",
  timestamp: "holds",
  expiry: "holds",
  page: "holds",
  nodes: "holds",
  releases: "holds",
  alpha: "holds",
  beta: "holds",
};
const GOOD = "holds: All checks hold.";
const BAD = "fails: Do not rely on this page.";

/** A fleet with hostile notes and a release, published to a folder and served. */
class Site {
  private constructor(readonly dir: string, readonly server: SiteServer) {}

  static async publish(): Promise<Site> {
    const dir = await Deno.makeTempDir({ prefix: "psyopsos-page-" });
    await initKeys(host, `${dir}/keys`, { issued: "2026-11-22T20:00:00Z" });
    await host.mkdir(`${dir}/nodes/tags`);
    for (const [path, source] of fleetFiles()) {
      const hostile = `notes: ${JSON.stringify(NOTES)}\n`;
      const yaml = path === "alpha.yaml" ? source.replace(/^notes: .*\n/m, hostile) : source;
      await host.writeFile(`${dir}/nodes/${path}`, path === "global.yaml" ? hostile + yaml : yaml);
    }
    const slot = utf8("a boot slot");
    await host.mkdir(`${dir}/images/1.0`);
    await host.writeFile(`${dir}/images/1.0/psyopsos-1.0-x86_64.slot.tar`, slot);
    await host.writeFile(
      `${dir}/images/1.0/manifest.json`,
      imageManifest({ "psyopsos-1.0-x86_64.slot.tar": slot }, { epoch: 1_795_378_500 }),
    );
    const read = directorySite(host, `${dir}/public`);
    const server = await SiteServer.start({ read, errorPage: "error.html" });
    const site = new Site(dir, server);
    await site.build({ releases: `${dir}/images` });
    return site;
  }

  async build(options: { releases?: string; issued?: Date; expiresHours?: number } = {}) {
    await makeSite(host, {
      nodes: `${this.dir}/nodes`,
      out: `${this.dir}/public`,
      cache: `${this.dir}/cache`,
      keyring: await loadKeyring(host, `${this.dir}/keys`),
      allowExpired: true,
      ...options,
    });
  }

  get url(): string {
    return this.server.hostUrl;
  }

  async read(path: string): Promise<string> {
    return text(await host.readFile(`${this.dir}/public/${path}`));
  }

  /** Serves `path` with `from` replaced. */
  async tamper(path: string, from: string, to: string): Promise<void> {
    const content = await this.read(path);
    assertStringIncludes(content, from);
    const changed = utf8(content.replaceAll(from, to));
    this.server.trick = (asked) => asked === path ? changed : undefined;
  }

  async [Symbol.asyncDispose]() {
    await this.server.close();
    await Deno.remove(this.dir, { recursive: true });
  }
}

const needs = needTool("chromium");

Deno.test({
  name: "a browser finds a built site whole, on a desk, on a phone, by day and by night",
  ...needs,
  async fn() {
    await using site = await Site.publish();
    await using browser = await startBrowser();
    const looks = {
      desktop: {},
      dark: { colorScheme: "dark" },
      phone: {
        viewport: { width: 390, height: 844 },
        deviceScaleFactor: 2,
        isMobile: true,
        hasTouch: true,
      },
    } as const;
    for (const [name, options] of Object.entries(looks)) {
      const { page, complaints, close } = await visit(browser, site.url, site.url, options);
      assertEquals(await checksOf(page), ALL_HOLD, name);
      assertEquals(await verdictOf(page), GOOD);
      assertEquals(complaints, []);
      const width = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
      assertEquals(await page.evaluate(width), 0, `${name} scrolls sideways`);
      const png = await keepScreenshot(page, name);
      assert(png.length > 10_000, "a picture of something");
      await close();
    }
  },
});

Deno.test({
  name: "hostile notes are shown as they were written, and run nowhere",
  ...needs,
  async fn() {
    await using site = await Site.publish();
    await using browser = await startBrowser();
    const { page, complaints } = await visit(browser, site.url, site.url);
    await checksOf(page);
    assertEquals(
      await page.locator('[data-node="alpha"] [data-cell="notes"]').textContent(),
      NOTES,
    );
    assertEquals(await page.locator("p.notes").textContent(), NOTES);
    assertEquals(await page.locator("img").count(), 0);
    assertEquals(complaints, []);
  },
});

Deno.test({
  name: "the page reads without JavaScript, from a web server and from a disk",
  ...needs,
  async fn() {
    await using site = await Site.publish();
    await using browser = await startBrowser();
    for (const url of [site.url, `file://${site.dir}/public/index.html`]) {
      const { page, complaints, close } = await visit(browser, url, url, {
        javaScriptEnabled: false,
      });
      assertEquals(await verdictOf(page), "open: Not checked.");
      const shown = await page.locator("body").innerText();
      for (const part of ["alpha", "beta", "lab", "SHA256:", "Valid until", "1.0", "minisign -V"]) {
        assertStringIncludes(shown, part);
      }
      assert(!shown.includes("SECRET"));
      assertEquals(await page.locator("button:visible, input:visible").count(), 0);
      assertEquals(complaints, []);
      await page.locator("#nodes a").first().click();
      assertStringIncludes(await page.locator("body").innerText(), '"name": "alpha"');
      await close();
    }
  },
});

Deno.test({
  name: "a page from a disk checks the folder that is chosen, whole or tampered with",
  ...needs,
  async fn() {
    await using site = await Site.publish();
    await using browser = await startBrowser();
    const folder = `${site.dir}/public`;
    const { page, complaints } = await visit(browser, `file://${folder}/index.html`, "file:");
    assertEquals(await verdictOf(page), "open: Not checked yet.");
    await page.locator("#folder input").setInputFiles(folder);
    assertEquals(await checksOf(page), ALL_HOLD);
    assertEquals(await verdictOf(page), GOOD);
    const path = `${folder}/psyopsOS/nodes/beta.json`;
    await host.writeFile(path, (await host.readTextFile(path)).replace("beta", "bela"));
    await page.locator("#folder input").setInputFiles(`${folder}/psyopsOS/nodes`);
    assertEquals(await verdictOf(page), "open: Not checked.");
    await page.locator("#folder input").setInputFiles(folder);
    assertEquals(await checksOf(page), { ...ALL_HOLD, nodes: "fails", beta: "fails" });
    assertEquals(complaints, []);
  },
});

Deno.test({
  name: "a browser finds each way of tampering: documents, page data, keys, age",
  ...needs,
  async fn() {
    await using site = await Site.publish();
    await using browser = await startBrowser();
    const other = publicKeyLine(publicKeyOf(testKey("other")));
    const own = publicKeyLine((await loadKeyring(host, `${site.dir}/keys`)).publicKeys.root);
    const stored = (await host.readDir(`${site.dir}/public/psyopsOS/signed/nodes`))
      .find((name) => name.startsWith("alpha."));
    const serial = /data-serial="(\d+)"/.exec(await site.read("index.html"))![1]!;
    const index = "index.html";
    const cases: [name: string, path: string, from: string, to: string, expected: object][] = [
      ["document", "psyopsOS/nodes/alpha.json", '"lab"', '"bal"', {
        ...ALL_HOLD,
        nodes: "fails",
        alpha: "fails",
      }],
      ["stored-document", `psyopsOS/signed/nodes/${stored}`, "lab", "bal", {
        ...ALL_HOLD,
        nodes: "fails",
        alpha: "fails",
      }],
      ["page-tags", index, ">lab<", ">admin<", { ...ALL_HOLD, nodes: "fails", alpha: "fails" }],
      ["page-link", index, 'href="psyopsOS/nodes/beta.json"', 'href="psyopsOS/nodes/alpha.json"', {
        ...ALL_HOLD,
        nodes: "fails",
        beta: "fails",
      }],
      ["page-notes", index, "&lt;img src=x", "Pay &lt;img src=x", {
        ...ALL_HOLD,
        page: "fails",
        nodes: "fails",
        alpha: "fails",
      }],
      ["page-release-link", index, "x86_64.slot.tar", "x86_64.iso", {
        ...ALL_HOLD,
        releases: "fails",
      }],
      ["page-release", index, ">6.18.1-0-lts<", ">6.18.2-0-lts<", {
        ...ALL_HOLD,
        releases: "fails",
      }],
      ["page-serial", index, `data-serial="${serial}"`, 'data-serial="7"', {
        ...ALL_HOLD,
        page: "fails",
      }],
      ["page-key", index, `data-key="${own}"`, `data-key="${other}"`, {
        keys: "fails",
        alpha: "",
        beta: "",
      }],
      ["timestamp", "psyopsOS/timestamp.json", '"serial": 1', '"serial": 2', {
        timestamp: "fails",
        alpha: "",
        beta: "",
      }],
      ["root", "psyopsOS/root/1.json", own, other, { keys: "fails", alpha: "", beta: "" }],
    ];
    for (const [name, path, from, to, expected] of cases) {
      await site.tamper(path, from, to);
      const { page, complaints, close } = await visit(browser, site.url, site.url);
      assertEquals(await checksOf(page), expected, name);
      assertEquals(await verdictOf(page), BAD, name);
      assertEquals(complaints, [], name);
      if (name === "page-tags") await keepScreenshot(page, "tampered");
      await close();
    }

    // A script of somebody else's does not run at all.
    await site.tamper(index, "<h1>psyopsOS</h1>", "<h1>psyopsOS</h1><script>alert(1)</script>");
    const injected = await visit(browser, site.url, site.url);
    assertEquals(await checksOf(injected.page), ALL_HOLD);
    assertEquals(injected.complaints.length, 1);
    assertStringIncludes(injected.complaints[0]!, "Content Security Policy");
    await injected.close();

    // What is missing is no proof of tampering, but nothing to rely on either.
    site.server.trick = (path) => path.startsWith("psyopsOS/signed/") ? { status: 404 } : undefined;
    const missing = await visit(browser, site.url, site.url);
    await checksOf(missing.page);
    assertEquals(await verdictOf(missing.page), "open: Not all could be checked.");
    await missing.close();
  },
});

Deno.test({
  name: "a browser that has seen a site refuses an older one, and an expired one",
  ...needs,
  async fn() {
    await using site = await Site.publish();
    await using browser = await startBrowser();
    const { page } = await visit(browser, site.url, site.url);
    assertEquals(await checksOf(page), ALL_HOLD);
    const old = new Map<string, Uint8Array<ArrayBuffer>>();
    for (const path of ["index.html", "psyopsOS/timestamp.json"]) {
      old.set(path, utf8(await site.read(path)));
    }
    const yaml = `${site.dir}/nodes/beta.yaml`;
    await host.writeFile(yaml, `${await host.readTextFile(yaml)}tags: [lab]\n`);
    await site.build();
    await page.reload();
    assertEquals(await checksOf(page), ALL_HOLD);
    assertEquals(await page.locator('[data-node="beta"] [data-cell="tags"]').textContent(), "lab");
    site.server.trick = (path) => old.get(path);
    await page.reload();
    assertEquals(await checksOf(page), { timestamp: "fails", alpha: "", beta: "" });
    assertStringIncludes(await page.locator("#findings").innerText(), "was accepted before");
    site.server.trick = undefined;

    await Deno.remove(`${site.dir}/public/psyopsOS/timestamp.json`);
    await site.build({ issued: new Date(host.now().getTime() - 7_200_000), expiresHours: 1 });
    const later = await visit(browser, site.url, site.url);
    assertEquals(await checksOf(later.page), { ...ALL_HOLD, expiry: "fails" });
    assertEquals(await verdictOf(later.page), BAD);
    assertStringIncludes(await later.page.locator("#expires").innerText(), "expired for 1 h");
  },
});

Deno.test({
  name: "a reader's own key can be checked with: the right one holds, others do not",
  ...needs,
  async fn() {
    await using site = await Site.publish();
    await using browser = await startBrowser();
    const own = publicKeyLine((await loadKeyring(host, `${site.dir}/keys`)).publicKeys.root);
    const { page, complaints } = await visit(browser, site.url, site.url);
    const checkWith = async (line: string) => {
      await page.locator("#key input").fill(line);
      await page.locator("#key button").click();
    };
    assertEquals(await checksOf(page), ALL_HOLD);
    await checkWith(publicKeyLine(publicKeyOf(testKey("other"))));
    await page.locator("#verdict.fails").waitFor();
    assertEquals(await checksOf(page), { keys: "fails", alpha: "", beta: "" });
    await checkWith(own);
    await page.locator("#verdict.holds").waitFor();
    assertEquals(await checksOf(page), ALL_HOLD);
    await checkWith("no key");
    await page.locator("#verdict.fails").waitFor();
    assertEquals(await verdictOf(page), "fails: Nothing was checked.");
    assertEquals(complaints, []);
  },
});

Deno.test({
  name:
    "of a big fleet the first nodes are checked unasked, the rest when asked; names and tags filter",
  ...needs,
  async fn() {
    await using site = await Site.publish();
    await using browser = await startBrowser();
    const many = 203;
    for (let i = 0; i < many; i++) {
      const { recipient } = await generateIdentity();
      await host.writeFile(`${site.dir}/nodes/node-${i}.yaml`, `recipient: ${recipient}\n`);
    }
    await site.build();
    const { page, complaints } = await visit(browser, site.url, site.url);
    const first = await checksOf(page);
    assertEquals([first.nodes, first.alpha, first["node-99"]], ["open", "holds", ""]);
    assertEquals(await verdictOf(page), "open: Not all could be checked.");
    await page.locator("#rest button").click();
    await page.locator("#verdict.holds").waitFor();
    const all = await checksOf(page);
    assertEquals(Object.values(all).filter((state) => state === "holds").length, many + 2 + 6);
    assertEquals(await page.locator("#rest").isVisible(), false);

    const shown = page.locator("tr[data-node]:visible");
    await page.locator("#filter input").fill("node-20");
    assertEquals(await shown.count(), 4);
    await page.locator("#filter input").fill("LAB");
    assertEquals(await shown.count(), 1);
    await page.locator("#filter input").fill("");
    assertEquals(await shown.count(), many + 2);
    assertEquals(complaints, []);
  },
});

Deno.test({
  name: "what the page says of minisign is true",
  ...needTool("minisign"),
  async fn() {
    await using site = await Site.publish();
    const page = await site.read("index.html");
    const commands = /<pre>([^<]*)<\/pre>/.exec(page)![1]!.split("\n");
    assertEquals(commands.length, 2);
    for (const command of commands) {
      const [, ...words] = command.split(" ");
      const result = await host.run([toolPath("minisign")!, ...words], {
        cwd: `${site.dir}/public`,
      });
      assertEquals(result.code, 0, `${command}: ${text(result.stderr)}`);
    }
    const release = "psyopsOS/os/1.0/psyopsos-1.0-x86_64.slot.tar";
    const key = commands[0]!.split(" ")[3]!;
    const words = ["-V", "-P", key, "-m", release];
    const { code } = await host.run([toolPath("minisign")!, ...words], {
      cwd: `${site.dir}/public`,
    });
    assertEquals(code, 0);
  },
});

Deno.test({
  name: "error.html reads at any depth, and runs nothing",
  ...needs,
  async fn() {
    await using site = await Site.publish();
    await using browser = await startBrowser();
    const { page, complaints } = await visit(browser, `${site.url}no/such/path`, site.url);
    assertEquals(await page.locator("h1").textContent(), "Not found");
    assertEquals(complaints, []);
    await keepScreenshot(page, "error");
    await page.locator("a").click();
    assertEquals(await checksOf(page), ALL_HOLD);
  },
});
