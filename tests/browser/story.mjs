// The story of the console in a real browser: from the link for the first account to the notice that a run is over.
//
// Started by tests/it/console/story.rs, which runs the real service on a clock that this script asks it to move: one line out,
// one line back. Every page is checked with axe-core in both languages, and pictured at two widths.

import { createHmac } from "node:crypto";
import { appendFileSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { join } from "node:path";

const [modules, base, pictures, docs] = process.argv.slice(2);
const require = createRequire(join(modules, "node_modules", "x"));
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
mkdirSync(pictures, { recursive: true });

const PASSWORD = "correct-Horse7battery";
const FIRST = "first-Word7forYou!";
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** Asks the service for something and gives its answer. */
async function ask(words) {
  process.stdout.write(`${words}\n`);
  const answer = (await lines.next()).value;
  if (answer === undefined) throw new Error(`no answer to ${words}`);
  return answer;
}

function check(holds, words) {
  if (!holds) throw new Error(words);
}

/** A one-time code (RFC 6238) for a secret as people type it. */
async function code(secret) {
  let bits = "";
  for (const letter of secret) bits += "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(letter).toString(2).padStart(5, "0");
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(Number(await ask("now")) / 30)));
  const digest = createHmac("sha1", key).update(step).digest();
  const at = digest[19] & 15;
  return String((digest.readUInt32BE(at) & 0x7fffffff) % 1000000).padStart(6, "0");
}

const browser = await chromium.launch({
  executablePath: process.env.KURA_CHROMIUM || "/usr/bin/chromium",
  args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"],
});
/** What is wrong, also in a file beside the pictures, so that it can be read while the story goes on. */
const found = [];
const list = join(pictures, "found.txt");
rmSync(list, { force: true });
found.push = (...words) => {
  appendFileSync(list, `${words.join("\n")}\n`);
  return Array.prototype.push.apply(found, words);
};
let pictured = 0;

/** A browser of a size, whose complaints about our own rules for content fail the story. */
async function person(width, height) {
  const context = await browser.newContext({ viewport: { width, height }, locale: "ja-JP", timezoneId: "Asia/Tokyo" });
  const page = await context.newPage();
  page.on("console", (message) => {
    if (/Content Security Policy|Refused to/.test(message.text())) found.push(`${page.url()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => found.push(`${page.url()}: ${error}`));
  page.setDefaultTimeout(20000);
  return page;
}

/** Runs axe-core on what is shown, and looks whether anything sticks out to the right. */
async function inspect(page, what) {
  await page.evaluate(axe);
  const report = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  for (const violation of report.violations) {
    const nodes = violation.nodes.map((node) => node.target.join(" ")).slice(0, 5).join(", ");
    if (["serious", "critical"].includes(violation.impact)) found.push(`${what}: ${violation.id}: ${violation.help}: ${nodes}`);
  }
  await measure(page, what);
}

/** Looks whether anything sticks out to the right, or is too small to be hit. */
async function measure(page, what) {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  if (over > 0) found.push(`${what}: the page is ${over} px too wide`);
  const small = await page.evaluate(() =>
    [...document.querySelectorAll("main a, main button, main input:not([type=hidden]), main select, header a, header button")]
      .map((one) => [one.closest("label") ?? one, one])
      .filter(([box]) => box.offsetParent !== null && !box.matches(".skip, p > a:not(.button), dd a, li li a, .body a"))
      .filter(([box]) => box.getBoundingClientRect().height < 43.5)
      .map(([, one]) => one.outerHTML.slice(0, 80)),
  );
  for (const one of small) found.push(`${what}: a target is less than 44 px high: ${one}`);
}

/** Looks at the page that is shown as it is: another request would not show it again. */
async function look(page, name) {
  await inspect(page, `${name} ${page.viewportSize().width}`);
  await page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true });
  pictured += 1;
}

/** Looks at an address in both languages, wide, narrow, and at 200 %. */
async function tour(page, name, path) {
  const before = page.viewportSize();
  for (const lang of ["en", "ja"]) {
    for (const [size, width, height] of [["wide", 1280, 900], ["phone", 360, 740], ["zoom", 640, 450]]) {
      await page.setViewportSize({ width, height });
      const answer = await page.goto(base + path + (path.includes("?") ? "&" : "?") + `lang=${lang}`);
      check(answer.status() < 500, `${path}: ${answer.status()}`);
      check((await page.locator("h1").count()) === 1, `${path}: one heading`);
      check((await page.locator("html").getAttribute("lang")) === lang, `${path}: its language`);
      // What axe looks at does not change with the width, but for the menu and the tables: the phone is checked once.
      if (size === "wide" || (size === "phone" && lang === "ja")) await inspect(page, `${path} ${lang} ${size}`);
      else await measure(page, `${path} ${lang} ${size}`);
      if (size === "zoom") continue;
      await page.screenshot({ path: join(pictures, `${name}-${lang}-${size}.png`), fullPage: true });
      pictured += 1;
    }
  }
  await page.setViewportSize(before);
}

/** Takes a picture for the documents, if one is asked for (KURA_DOC_PICTURES=1): what fits on a screen of this size. */
async function keep(page, name, path, [width, height]) {
  if (!docs) return;
  const before = page.viewportSize();
  await page.setViewportSize({ width, height });
  await page.goto(base + path);
  // On a phone the menu fills the screen: what is pictured begins with the title.
  if (width < 600) await page.evaluate(() => document.querySelector("h1").scrollIntoView());
  await page.screenshot({ path: join(docs, `${name}.png`) });
  await page.setViewportSize(before);
}

async function press(page, name) {
  await page.getByRole("button", { name, exact: true }).click();
  await page.waitForLoadState();
}

async function follow(page, name) {
  await page.getByRole("link", { name }).first().click();
  await page.waitForLoadState();
}

async function signIn(page, account, password, secret) {
  await page.goto(`${base}/console/login?lang=ja`);
  await page.getByLabel("ユーザーＩＤ").fill(account);
  await page.getByLabel("パスワード").fill(password);
  await press(page, "サインイン");
  if (secret) {
    await page.getByLabel("確認コード").fill(await code(secret));
    await press(page, "確認");
  }
  check(!page.url().includes("/login"), `${account} is not signed in: ${await page.locator("main").innerText()}`);
}

async function add(page, account, role) {
  await page.goto(`${base}/console/accounts/new`);
  await page.getByLabel("ユーザーＩＤ").fill(account);
  await page.getByLabel("役割").selectOption(role);
  await page.getByLabel("パスワード ※必須", { exact: true }).fill(FIRST);
  await page.getByLabel("パスワード（確認）").fill(FIRST);
  await press(page, "追加する");
  check(page.url().endsWith("/console/accounts"), `${account} was not added: ${await page.locator("main").innerText()}`);
}

async function ownPassword(page) {
  check(page.url().endsWith("/console/own/password"), "the first password must be changed");
  await page.getByLabel("今のパスワード").fill(FIRST);
  await page.getByLabel("新しいパスワード ※必須", { exact: true }).fill(PASSWORD);
  await page.getByLabel("新しいパスワード（確認）").fill(PASSWORD);
  await press(page, "変更する");
  check(page.url().endsWith("/console"), `the password was not changed: ${await page.locator("main").innerText()}`);
}

async function text(path) {
  const answer = await fetch(base + path);
  check(answer.status === 200, `${path}: ${answer.status}`);
  return answer.text();
}

async function story() {
  const manager = await person(1280, 900);
  // Nobody is let in without the link.
  await manager.goto(`${base}/console/setup`);
  await look(manager, "setup-refused");
  await tour(manager, "login", "/console/login");
  await tour(manager, "setup", (await ask("link")).slice(base.length));
  await manager.getByLabel("ユーザーＩＤ").fill("short");
  await press(manager, "アカウントを作成");
  check(await manager.getByRole("alert").isVisible(), "the summary of errors");
  await look(manager, "setup-faults");
  await manager.getByLabel("ユーザーＩＤ").fill("ｍａｎａｇｅｒ００１");
  await manager.getByLabel("役割").selectOption("operations_manager");
  await manager.getByLabel("パスワード ※必須", { exact: true }).fill(PASSWORD);
  await manager.getByLabel("パスワード（確認）").fill(PASSWORD);
  await press(manager, "アカウントを作成");
  await look(manager, "setup-done");
  await signIn(manager, "manager001", PASSWORD);
  await tour(manager, "home-empty", "/console");
  await add(manager, "ishikai001", "service_operator");
  await add(manager, "admin00001", "system_administrator");
  await add(manager, "operator01", "system_operator");
  await tour(manager, "accounts", "/console/accounts");
  await tour(manager, "account-new", "/console/accounts/new");
  await tour(manager, "account-disable", "/console/accounts/admin00001/disable");
  await tour(manager, "account-reset", "/console/accounts/admin00001/password");

  // The secretary of the association: a phone, a new password, a second factor.
  const secretary = await person(390, 844);
  await signIn(secretary, "ishikai001", FIRST);
  await look(secretary, "own-password-first");
  await ownPassword(secretary);
  await secretary.goto(`${base}/console/own/factor`);
  await tour(secretary, "factor-begin", "/console/own/factor");
  await secretary.getByLabel("今のパスワード").fill(PASSWORD);
  await press(secretary, "設定を始める");
  await tour(secretary, "factor-picture", "/console/own/factor");
  const secret = await secretary.locator("main p code").innerText();
  await secretary.getByLabel("今のパスワード").fill(PASSWORD);
  await secretary.getByLabel("確認コード").fill(await code(secret));
  await press(secretary, "有効にする");
  check((await secretary.locator(".codes li").count()) === 10, "ten recovery codes");
  await look(secretary, "factor-codes");
  await tour(secretary, "own", "/console/own");
  await tour(secretary, "own-tokens", "/console/own/tokens");

  // The administrator asks for the monthly window.
  const admin = await person(1280, 900);
  await signIn(admin, "admin00001", FIRST);
  await ownPassword(admin);
  await tour(admin, "snapshot-new", "/console/snapshots/new");
  await admin.getByLabel("目的").selectOption("maintenance");
  await admin.getByLabel("理由").fill("サーバーの更新の前に取得します。");
  await press(admin, "確認へ進む");
  await look(admin, "snapshot-check");
  await press(admin, "取得を依頼する");
  check(admin.url().endsWith("/console/snapshots/e-0001"), `it was not asked for: ${admin.url()}`);
  await look(admin, "snapshot-done");
  await tour(admin, "snapshots", "/console/snapshots");
  await tour(admin, "snapshot", "/console/snapshots/e-0001");
  await tour(admin, "window-new", "/console/windows/new");
  await admin.getByLabel("種類").selectOption("monthly");
  await admin.getByLabel("対象の計画").selectOption("records");
  await admin.getByLabel("毎月の場合：実施する日").selectOption("first sunday");
  await admin.getByLabel("開始時刻").fill("０１：００");
  await admin.getByLabel("長さ（時間:分）").fill("４：００");
  await admin.getByLabel("停止するサービス").fill("ポータル\n掲示板\n受付窓口の端末");
  await press(admin, "確認へ進む");
  await look(admin, "window-check");
  await press(admin, "この内容で申請する");
  check(admin.url().endsWith("/console/windows/w-0001"), `it was not asked for: ${admin.url()}`);

  // She approves it on her phone.
  await secretary.goto(`${base}/console`);
  await look(secretary, "home-waiting");
  await follow(secretary, /承認をお待ちしています/);
  await look(secretary, "window-phone");
  await tour(secretary, "window", "/console/windows/w-0001");
  await tour(secretary, "window-return", "/console/windows/w-0001/return");
  await secretary.goto(`${base}/console/windows/w-0001`);
  await follow(secretary, "承認へ進む");
  await look(secretary, "approve-phone");
  await tour(secretary, "approve", new URL(secretary.url()).pathname + new URL(secretary.url()).search);
  await press(secretary, "承認する");
  check((await secretary.locator("main").innerText()).includes("BW-2026-001"), "the number of the approval");
  await look(secretary, "approval-phone");
  await tour(secretary, "approval", "/console/windows/w-0001/approval");
  await secretary.emulateMedia({ media: "print" });
  await look(secretary, "approval-print");
  await secretary.emulateMedia({ media: "screen" });

  // Users read of it everywhere.
  await tour(admin, "public-notices", "/notices");
  for (const path of ["/notices", "/notices.atom", "/notices.json", "/notices.ics", "/api/v1/notices", "/api/v2/scheduled-maintenances.json"]) {
    const feed = (await text(path)).replaceAll("\r\n ", "");
    check(feed.includes("N-2026-0001") && feed.includes("ポータル"), `${path} tells of it: ${feed}`);
  }

  // The portal fails twice and takes it once.
  for (const [attempt, minutes] of [[1, 0], [2, 2], [3, 3]]) {
    await ask(`move ${minutes}`);
    await ask(`push ${attempt}`);
  }
  check((await ask("pushes")) === "3 1", "three attempts with one id");
  await tour(admin, "notice", "/console/notices/N-2026-0001");
  await tour(admin, "notices", "/console/notices");
  await tour(admin, "window-change", "/console/windows/new?replaces=w-0001");
  await tour(admin, "withdraw", "/console/windows/w-0001/withdraw");

  // Six weeks later it runs.
  await ask("at 2027-01-03 01:00");
  await ask("wait");
  await signIn(admin, "admin00001", PASSWORD);
  await tour(admin, "home-by-hand", "/console");
  await tour(admin, "services-to-stop", "/console/services");
  await press(admin, "止めたことを確認する");
  check(await admin.getByRole("alert").isVisible(), "nobody confirms what he has not seen");
  await look(admin, "services-unseen");
  await admin.getByLabel("使えないことを確かめました").check();
  await press(admin, "止めたことを確認する");
  await ask("at 2027-01-03 01:02");
  await ask("run");
  await tour(admin, "services-to-start", "/console/services");
  await admin.getByLabel("使えることを確かめました").check();
  await press(admin, "動いていることを確認する");
  await ask("at 2027-01-03 01:20");
  await signIn(secretary, "ishikai001", PASSWORD, secret);
  await tour(secretary, "calendar", "/console/calendar?month=2027-01");
  check((await secretary.locator("main").innerText()).includes("✓ 完了"), "the calendar shows it");
  await tour(secretary, "calendar-far", "/console/calendar?month=2028-02");
  await tour(secretary, "home", "/console");
  await ask("prove 366");
  await tour(secretary, "home-proved", "/console");
  const answer = await secretary.locator("main").innerText();
  check(answer.includes("はい。1年以内の記録は、すべての計画でそろって保管されています。"), `all is well: ${answer}`);
  for (const lang of ["en", "ja"]) await keep(secretary, `home-${lang}`, `/console?lang=${lang}`, [1000, 700]);
  await ask("at 2027-01-03 01:21");
  await ask("prove 364 cohort-damaged newest-partial");
  await tour(secretary, "home-exceptions", "/console");
  await tour(secretary, "coverage", "/console/coverage");
  await tour(secretary, "alarms", "/console/alarms");
  await tour(secretary, "services", "/console/services");
  await tour(secretary, "windows", "/console/windows");
  await tour(secretary, "runs", "/console/runs");
  await secretary.goto(`${base}/console/runs`);
  await secretary.locator("main .rows a").first().click();
  await tour(secretary, "run", new URL(secretary.url()).pathname);
  await tour(secretary, "restore-points", "/console/restore-points");
  await tour(secretary, "occurrence", "/console/occurrences/w-0001-2027-01-03");
  await tour(secretary, "audit", "/console/audit");
  await press(secretary, "記録の連続を確かめる");
  await look(secretary, "audit-checked");
  check((await text("/notices")).includes("終了"), "the closing notice is out");
  await secretary.goto(`${base}/console/accounts/nobody0001/disable`);
  await look(secretary, "not-found");

  // What was done behind the glass is reported, and she sees it.
  await ask("glass w-0001-2027-02-07");
  await ask("at 2027-02-07 05:05");
  await ask("alarm");
  await signIn(secretary, "ishikai001", PASSWORD, secret);
  await tour(secretary, "home-report", "/console");
  await tour(secretary, "alarms-open", "/console/alarms");
  await tour(secretary, "report", "/console/occurrences/w-0001-2027-02-07");
  await press(secretary, "報告を確認した");
  check(!(await secretary.locator("main").innerText()).includes("まだ確認されていません"), "the report is seen");
  await look(secretary, "report-seen");

  await failure();
  await permit(secretary);

  await secretary.goto(`${base}/console`);
  await press(secretary, "サインアウト");
  check(secretary.url().endsWith("/console/login"), "she has left");
}

/** What is monitored goes down; the administrator follows the incident, and keeps a record of the work, on a phone. */
async function failure() {
  const admin = await person(390, 844);
  await signIn(admin, "admin00001", PASSWORD);
  await ask("watch");
  for (let round = 0; round < 3; round += 1) await ask("round");
  await tour(admin, "home-failing", "/console");
  await tour(admin, "monitoring", "/console/monitoring");
  await tour(admin, "monitoring-target", "/console/monitoring/mail-port");
  await tour(admin, "incidents", "/console/incidents");
  await tour(admin, "incident-new", "/console/incidents/new");
  await admin.goto(`${base}/console/incidents?lang=ja`);
  await follow(admin, /mail-port/);
  const incident = new URL(admin.url()).pathname;
  await press(admin, "状況を確認し、障害と判断する");
  await tour(admin, "incident", incident);
  await keep(admin, "monitoring-en", "/console/monitoring?lang=en", [1000, 700]);
  await keep(admin, "incident-ja", `${incident}?lang=ja`, [1000, 900]);

  await tour(admin, "works-empty", "/console/works");
  await tour(admin, "work-new", "/console/works/new");
  await press(admin, "記録を開く");
  check(await admin.getByRole("alert").isVisible(), "what is done must be said");
  await look(admin, "work-new-faults");
  await admin.getByLabel("種別").selectOption("acceptance");
  await admin.getByLabel("作業の内容").fill("ポータルの更新");
  await admin.getByLabel("リリース番号").fill("release-42");
  await admin.getByLabel("作業前の版").fill("1.0");
  await press(admin, "記録を開く");
  check(admin.url().endsWith("/console/works/WR-2027-0001"), `it was not opened: ${admin.url()}`);
  await press(admin, "試験結果を添付する");
  check(await admin.getByRole("alert").isVisible(), "a file must be chosen");
  await look(admin, "work-no-file");
  await admin.getByLabel("添付するものの名前").fill("画面の写真");
  const photograph = { name: "IMG_0001.jpg", mimeType: "image/jpeg", buffer: Buffer.alloc(2_000_000, 7) };
  await admin.locator("#file").setInputFiles(photograph);
  await press(admin, "試験結果を添付する");
  check((await admin.locator("main").innerText()).includes("画面の写真"), "the result is attached");
  await press(admin, "作業を始める");
  await admin.locator("#seen-1").fill("異常なし");
  await admin.getByRole("button", { name: "確認した", exact: true }).first().click();
  await admin.waitForLoadState();
  await tour(admin, "work", "/console/works/WR-2027-0001");
  await tour(admin, "works", "/console/works");
  await keep(admin, "work-ja", "/console/works/WR-2027-0001?lang=ja", [390, 780]);
  await admin.goto(`${base}/console/works/WR-2027-0001?lang=ja`);
}

/** A permit is applied for, what it would give is shown, it is approved, and the extract is handed over. */
async function permit(secretary) {
  const number = await ask("permit apply");
  await tour(secretary, "permits", "/console/permits");
  await tour(secretary, "permit", `/console/permits/${number}`);
  await ask(`permit plan ${number}`);
  await tour(secretary, "extract-plan", `/console/extracts/${number}`);
  await tour(secretary, "permit-to-approve", `/console/permits/${number}/approve`);
  await press(secretary, "承認する");
  await look(secretary, "permit-approved");
  await ask(`permit run ${number}`);
  await tour(secretary, "extracts", "/console/extracts");
  await secretary.goto(`${base}/console/extracts/${number}/1`);
  await look(secretary, "extract-report");
  await secretary.goto(`${base}/console/permits/${number}/page`);
  await look(secretary, "permit-printed");
  await tour(secretary, "permit-handed", `/console/permits/${number}`);
}

try {
  await story();
} catch (error) {
  found.push(String(error.stack ?? error));
  for (const context of browser.contexts()) {
    for (const page of context.pages()) {
      found.push(`${page.url()}: ${(await page.locator("main").innerText().catch(() => "")).slice(0, 400)}`);
    }
  }
}
await browser.close();
for (const one of new Set(found)) process.stderr.write(`${one}\n`);
process.stdout.write(`end ${found.length} ${pictured}\n`);
process.exit(0);
