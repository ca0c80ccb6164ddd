// What people see of a server's console, from its first start on; see README.md.

import { mkdirSync } from 'node:fs';
import { parseArgs, stripVTControlCharacters } from 'node:util';

import { byKeyboard } from './console/keyboard.mjs';
import { look, lookHere } from './console/look.mjs';
import * as shown from './console/shown.mjs';
import * as walk from './console/walk.mjs';
import { launch } from './driver.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { shots: { type: 'string' }, timeout: { type: 'string', default: '60' } },
});
const [server] = positionals;
if (positionals.length !== 1 || !URL.canParse(server)) {
  process.stderr.write('usage: console.mjs SERVER [--shots FOLDER] [--timeout SECONDS]; see README.md\n');
  process.exit(2);
}
if (values.shots) mkdirSync(values.shots, { recursive: true });

/** The id in the address of the first page that the list at `path` leads to. */
async function firstOf(page, path, of) {
  await page.goto(`${server}${path}`);
  return page.locator(`a[href^="${of}"]`).first().getAttribute('href');
}

/** Every page there is, by a name for its picture: for everybody, for whoever is signed in, for administrators. */
async function pages(user, admin) {
  const key = await firstOf(user, '/keys', '/keys/0');
  const person = await firstOf(admin, '/admin/users?q=grace', '/admin/users/0');
  return {
    everybody: { login: '/login', 'login-error': '/login?error=pending', register: '/register', invite: '/invite/nothing' },
    user: {
      home: '/',
      keys: '/keys',
      'key-new': '/keys/new',
      key,
      'key-revoke': `${key}/revoke`,
      usage: '/usage?period=day',
      'usage-by-key': '/usage?by=key',
      account: '/account',
      refused: '/admin/users',
    },
    admin: {
      users: '/admin/users',
      user: person,
      'user-delete': `${person}/delete`,
      'user-disable': `${person}/status?status=disabled`,
      'user-role': `${person}/role?role=admin`,
      'user-password': `${person}/password`,
      'user-limit': `${person}/limits/new`,
      invites: '/admin/invites',
      'all-usage': '/admin/usage',
      tiers: '/admin/tiers',
      tier: '/admin/tiers/free',
      price: '/admin/prices',
      'everyone-limit': '/admin/limits/new',
      'shared-keys': '/admin/shared-keys',
      audit: '/admin/audit',
      why: '/admin/why',
      health: '/admin/health',
      nothing: '/admin/users?q=nobody-is-called-so',
    },
  };
}

async function main(browser) {
  const context = async () => {
    const one = await browser.newContext({ viewport: { width: 1280, height: 860 }, locale: 'en-GB' });
    one.setDefaultTimeout(Number(values.timeout) * 1000);
    return one;
  };
  const [ada, grace, stranger, another] = [await context(), await context(), await context(), await context()];
  const [admin, user] = [await ada.newPage(), await grace.newPage()];
  const report = {};

  await walk.first(admin, server);
  await walk.accept(user, server, await walk.invite(admin, server));
  const key = await walk.makeKey(user, server);
  report.chat = await walk.chat(server, key);
  await walk.usage(user, server);
  await walk.talk(user, server);
  await user.locator('#talk .said:not(:empty)').waitFor();
  await user.locator('#chat-stop').waitFor({ state: 'hidden' });

  await walk.tier(admin, server, 'free');
  const all = await pages(user, admin);
  const english = { locale: 'en-GB' };
  report.looks = [
    ...(await look(browser, server, await stranger.storageState(), all.everybody, values.shots, english)),
    ...(await look(browser, server, await grace.storageState(), all.user, values.shots, english)),
    ...(await look(browser, server, await ada.storageState(), all.admin, values.shots, english)),
  ];
  report.shown = [];
  const see = async (page, name) => report.shown.push(...(await lookHere(page, name, values.shots)));
  await shown.atTheDoor(await stranger.newPage(), server, see);
  await shown.ofAKey(user, server, see);
  await shown.ofTheHouse(admin, server, all.admin.user, see);
  await shown.asSomebody(await another.newPage(), server, all.admin.user, see);

  const keyboard = await stranger.newPage();
  await byKeyboard(keyboard, server, 'grace@example.org');

  await walk.limit(admin, server, 'Grace Hopper', 2);
  report.refused = await walk.chat(server, key);
  report.meter = await walk.meter(user, server);
  await walk.talk(user, server);
  report.talkRefused = await user.locator('#chat-trouble').innerText();
  if (values.shots) await user.screenshot({ path: `${values.shots}/used-up.png`, fullPage: true });
  // The page stays open; nobody touches it.
  await walk.disable(admin, server, 'Grace Hopper');
  await user.waitForURL((url) => url.pathname === '/login');
  await walk.signIn(user, server, 'grace@example.org');
  report.disabled = await user.innerText('main');
  report.programs = await walk.programs(admin, server);
  return report;
}

let browser;
try {
  browser = await launch();
  process.stdout.write(`${JSON.stringify(await main(browser))}\n`);
} catch (error) {
  process.stderr.write(`${stripVTControlCharacters(error.stack)}\n`);
  process.exitCode = 1;
} finally {
  await browser?.close();
}
