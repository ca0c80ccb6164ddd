// From the first start to the end of an account: what people do at the console, with scripts, and what they see.

/** The password of everybody. */
export const PASSWORD = 'an unlikely sentence about llamas';

/** Clicks the button, and waits for the page that it leads to. */
export async function submit(page, name) {
  await Promise.all([page.waitForNavigation(), page.getByRole('button', { name, exact: true }).click()]);
}

/** Fails unless the page says it; what it says instead is in the error. */
export async function says(page, text) {
  const said = await page.innerText('main');
  if (!said.includes(text)) throw new Error(`at ${page.url()}, ${JSON.stringify(text)} is missing in: ${said}`);
}

async function at(page, server, path) {
  await page.waitForURL(`${server}${path}`);
}

/** Registers at the page that is open. */
async function register(page, name, email) {
  await page.getByLabel('Name', { exact: true }).fill(name);
  await page.getByLabel('E-mail address').fill(email);
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  // The server rates it while it is typed.
  await page.locator('.strength:not([hidden]) p:not(:empty)').waitFor();
  await submit(page, 'Register');
}

export async function signIn(page, server, email, password = PASSWORD) {
  await page.goto(`${server}/login`);
  await page.getByLabel('E-mail address').fill(email);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await submit(page, 'Sign in');
}

/** Whoever comes first is led to the registration, and becomes the administrator. */
export async function first(page, server) {
  await page.goto(`${server}/`);
  await at(page, server, '/login');
  await page.goto(`${server}/register`);
  await says(page, 'administrator');
  await register(page, 'Ada Lovelace', 'ada@example.org');
  await at(page, server, '/');
  await page.getByRole('link', { name: 'Users', exact: true }).waitFor();
}

/** An invite: its link. */
export async function invite(page, server) {
  await page.goto(`${server}/admin/invites`);
  await says(page, 'There are no invites');
  await submit(page, 'Make an invite');
  const texts = await page.locator('pre code').allInnerTexts();
  const link = texts.find((text) => text.startsWith(`${server}/invite/`));
  if (!link) throw new Error(`no link in ${texts}`);
  return link;
}

/** Somebody comes in through the link. */
export async function accept(page, server, link) {
  await page.goto(link);
  const code = await page.getByLabel('Invite code').inputValue();
  if (!link.endsWith(code)) throw new Error(`the code is not filled in: ${code}`);
  await register(page, 'Grace Hopper', 'grace@example.org');
  await at(page, server, '/');
}

/** A key, made with one click on the home page: what is shown once. */
export async function makeKey(page, server) {
  await page.goto(`${server}/`);
  await page.getByLabel('Name of the key').fill('laptop');
  await submit(page, 'Make a key');
  const key = await page.locator('#secret code').innerText();
  if (!/^sk-local-/.test(key)) throw new Error(`not a key: ${key}`);
  // Loading the page again makes no other one, and shows it no more.
  await page.reload();
  if ((await page.content()).includes(key)) throw new Error('the key is shown again');
  return key;
}

/** The programs that the home page shows right after a key was made: they have it in them. */
export async function programs(page, server) {
  await page.goto(`${server}/`);
  await page.getByLabel('Name of the key').fill('programs');
  await submit(page, 'Make a key');
  const names = ['curl', 'python', 'node'];
  const texts = names.map((name) => page.locator(`#snippet-${name}`).textContent());
  return Object.fromEntries((await Promise.all(texts)).map((text, nth) => [names[nth], text]));
}

/** That key chats, as any client of OpenAI does. */
export async function chat(server, key) {
  const answer = await fetch(`${server}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'demo', max_tokens: 8, messages: [{ role: 'user', content: 'Hello' }] }),
  });
  return { status: answer.status, body: await answer.json() };
}

/** The chat of the home page, answer by answer. */
export async function talk(page, server) {
  await page.goto(`${server}/`);
  await page.getByLabel('Message').fill('Hello');
  await page.getByRole('button', { name: 'Send', exact: true }).click();
}

/** What was used stands in a bar, and in the table below it. */
export async function usage(page, server) {
  await page.goto(`${server}/usage`);
  const bars = await page.locator('figure svg rect title').allTextContents();
  if (bars.length !== 1 || !bars[0].includes('demo')) throw new Error(`the bars: ${JSON.stringify(bars)}`);
}

/** The administrator finds somebody, and lets them have no more than `requests` an hour. */
export async function limit(page, server, name, requests) {
  await page.goto(`${server}/admin/users`);
  await page.getByLabel('Search by name or address').fill(name);
  await submit(page, 'Search');
  await page.getByRole('link', { name }).click();
  await page.getByRole('link', { name: 'Add a limit' }).click();
  await page.getByLabel('Over').selectOption('1h');
  await page.getByLabel('Requests', { exact: true }).fill(String(requests));
  await submit(page, 'Save');
}

/** Whoever has used it up sees the meter full. */
export async function meter(page, server) {
  await page.goto(`${server}/usage`);
  return page.locator('.quotas meter').evaluateAll((all) => all.map(({ value, max }) => [value, max]));
}

/** The administrator shuts somebody out. */
export async function disable(page, server, name) {
  await page.goto(`${server}/admin/users`);
  await page.getByRole('link', { name }).click();
  await page.getByRole('link', { name: 'Disable', exact: true }).click();
  await says(page, 'Disable the account of');
  await submit(page, 'Disable');
}

/** A tier, so that there is one to look at. */
export async function tier(page, server, name) {
  await page.goto(`${server}/admin/tiers`);
  await page.getByLabel('Name of a new tier').fill(name);
  await submit(page, 'Make tier');
}
