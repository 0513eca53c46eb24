/** A real browser without a window, and what a test wants to know of a page. */
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { toolPath } from "./tools.ts";

/** Where screenshots are left for whoever wants to look. */
const SCREENSHOTS = "build/tests/page";

/** An opened page and what it did that it should not. */
export interface Visit {
  page: Page;
  /** Errors, refusals of the content security policy, requests to other places than `allowed`. */
  complaints: string[];
  close(): Promise<void>;
}

/** Starts the system's Chromium. Tests that use it say `needTool("chromium")`. */
export function startBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: toolPath("chromium"), args: ["--no-sandbox"] });
}

/** Opens `url`; requests that do not begin with `allowed` are complaints. */
export async function visit(
  browser: Browser,
  url: string,
  allowed: string,
  options: BrowserContextOptions = {},
): Promise<Visit> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
  page.on("dialog", (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("console", (message) => {
    // A file that is not there is the site's fault; the page says so itself.
    if (message.type() === "error" && !message.text().includes("status of 404")) {
      complaints.push(`console: ${message.text()}`);
    }
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(allowed)) complaints.push(`request: ${request.url()}`);
  });
  await page.goto(url);
  return { page, complaints, close: () => context.close() };
}

/** Waits for the checks' end; gives each check's state, and each node's. */
export async function checksOf(page: Page): Promise<Record<string, string>> {
  await page.locator("#findings li").first().waitFor();
  return await page.evaluate(`Object.fromEntries([
    ...[...document.querySelectorAll("#findings li")].map((item) => [item.dataset.check, item.className]),
    ...[...document.querySelectorAll("tr[data-node]")].map((row) =>
      [row.dataset.node, row.querySelector(".check").className.replace("check", "").trim()]),
  ])`);
}

/** The verdict: its state and its first words. */
export async function verdictOf(page: Page): Promise<string> {
  const state = await page.locator("#verdict").getAttribute("class");
  return `${state}: ${await page.locator("#verdict strong").textContent()}`;
}

/** Keeps what the page looks like under build/, whole. */
export async function keepScreenshot(page: Page, name: string): Promise<Uint8Array> {
  await Deno.mkdir(SCREENSHOTS, { recursive: true });
  return await page.screenshot({ path: `${SCREENSHOTS}/${name}.png`, fullPage: true });
}
