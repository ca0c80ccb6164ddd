// Signs in at a server under test through its provider, as somebody at a browser does; see README.md.

import { parseArgs, stripVTControlCharacters } from 'node:util';

import { launch } from './driver.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    provider: { type: 'string', default: 'oidc' },
    next: { type: 'string', default: '/api/auth/me' },
    invite: { type: 'string' },
    user: { type: 'string', default: 'alice' },
    password: { type: 'string' },
    deny: { type: 'boolean', default: false },
    'no-form': { type: 'boolean', default: false },
    screenshot: { type: 'string' },
    timeout: { type: 'string', default: '30' },
  },
});
const [server] = positionals;
if (positionals.length !== 1 || !URL.canParse(server)) {
  process.stderr.write('usage: signin.mjs SERVER [--deny] [--user NAME] ...; see README.md\n');
  process.exit(2);
}
const origin = new URL(server).origin;

function start() {
  const url = new URL(`${origin}/api/auth/${values.provider}/login`);
  url.searchParams.set('next', values.next);
  if (values.invite) url.searchParams.set('invite_code', values.invite);
  return url.href;
}

/** Answers the provider's form. A provider that knows the person already shows none. */
async function answer(page) {
  if (values['no-form']) return;
  if (values.deny) {
    await page.click('button[value=deny]');
    return;
  }
  await page.fill('input[name=username]', values.user);
  await page.fill('input[name=password]', values.password ?? `${values.user}-password`);
  await page.click('button[value=login]');
}

async function signIn(page) {
  const landings = [];
  page.on('response', (response) => {
    const isPage = response.request().isNavigationRequest() && response.frame() === page.mainFrame();
    const url = new URL(response.url());
    if (isPage) landings.push({ url: `${url.origin}${url.pathname}`, status: response.status() });
  });
  await page.goto(start());
  await answer(page);
  // Back on the server under test, and past its callback.
  await page.waitForURL((url) => url.origin === origin && !url.pathname.endsWith(`/${values.provider}/callback`));
  if (values.screenshot) await page.screenshot({ path: values.screenshot });
  // Without a path: one of the cookies of the sign-in itself may be kept from all others.
  const cookies = (await page.context().cookies()).filter((cookie) => cookie.domain === new URL(origin).hostname);
  return {
    url: page.url(),
    status: landings.at(-1)?.status ?? null,
    text: await page.innerText('body'),
    cookies: cookies.map(({ name, httpOnly, sameSite, secure, path }) => ({ name, httpOnly, sameSite, secure, path })),
    landings,
  };
}

let browser;
let page;
try {
  browser = await launch();
  page = await browser.newPage();
  page.setDefaultTimeout(Number(values.timeout) * 1000);
  process.stdout.write(`${JSON.stringify(await signIn(page))}\n`);
} catch (error) {
  // What is on the screen tells more than what was waited for.
  const text = await page?.innerText('body', { timeout: 1000 }).catch(() => '');
  process.stderr.write(`${stripVTControlCharacters(error.message)}\n${page ? `at ${page.url()}: ${text}\n` : ''}`);
  process.exitCode = 1;
} finally {
  await browser?.close();
}
