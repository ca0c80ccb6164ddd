// Pages that nobody can ask for by their address: what is shown once, what was refused, what is asked before something
// is destroyed. Each is handed to `see` with a name.

import { PASSWORD, signIn, submit } from './walk.mjs';

/** Sends the form with this button as it is: whatever the browser would have said first is left to the server. */
async function refused(page, button) {
  await page.evaluate(() => {
    for (const form of document.forms) form.noValidate = true;
  });
  await submit(page, button);
  await page.locator('.notice.bad:not([hidden])').waitFor();
}

/** Follows the first link on the page at `path` whose address ends so. */
async function follow(page, server, path, end) {
  await page.goto(`${server}${path}`);
  await page.goto(new URL(await page.locator(`main a[href$="${end}"]`).first().getAttribute('href'), server).href);
}

/** Before somebody is signed in. */
export async function atTheDoor(page, server, see) {
  await signIn(page, server, 'grace@example.org', 'not the password');
  await see(page, 'login-wrong');
  await page.goto(`${server}/register`);
  await page.getByLabel('E-mail address').fill('nobody');
  await page.getByLabel('Password', { exact: true }).fill('short');
  await refused(page, 'Register');
  await see(page, 'register-refused');
}

/** A key of one's own, from its making to its new secret. */
export async function ofAKey(page, server, see) {
  await page.goto(`${server}/keys/new`);
  await refused(page, 'Make the key');
  await see(page, 'key-refused');
  await page.getByLabel('Name', { exact: true }).fill('to look at');
  await submit(page, 'Make the key');
  await see(page, 'key-made');
  await page.goto(`${server}/keys`);
  await page.getByRole('link', { name: 'to look at' }).click();
  await submit(page, 'Make a new secret');
  await see(page, 'key-rotated');
  await page.goto(`${server}/keys`);
  await page.getByRole('link', { name: 'to look at' }).click();
  // The secret before is still good for a while.
  await submit(page, 'Make a new secret');
  await see(page, 'key-rotate');
}

/** What administrators make, and what they are asked before it is gone. `person` is the page of a user. */
export async function ofTheHouse(page, server, person, see) {
  await page.goto(`${server}/admin/invites`);
  await submit(page, 'Make an invite');
  await see(page, 'invite-made');
  await follow(page, server, '/admin/invites', '/revoke');
  await see(page, 'invite-revoke');

  await page.goto(`${server}/admin/shared-keys`);
  await submit(page, 'Add key');
  await see(page, 'shared-key-made');
  await follow(page, server, '/admin/shared-keys', '/remove');
  await see(page, 'shared-key-remove');
  await submit(page, 'Remove key');

  await page.goto(`${server}/admin/users`);
  await page.getByLabel('Name of the program').fill('nightly job');
  await submit(page, 'Make account and key');
  await see(page, 'service-made');

  for (const [whose, path] of [['everyone', '/admin/tiers'], ['tier', '/admin/tiers/free'], ['user', person]]) {
    const limits = whose === 'everyone' ? '/admin/limits' : `${path}/limits`;
    await page.goto(`${server}${limits}/new`);
    await refused(page, 'Save');
    await see(page, `${whose}-limit-refused`);
    await page.getByLabel('Requests', { exact: true }).fill('1000000');
    await submit(page, 'Save');
    await see(page, `${whose}-limited`);
    await page.goto(new URL(await page.locator(`main a[href^="${limits}/0"]`).first().getAttribute('href'), server).href);
    await see(page, `${whose}-limit-there`);
    await page.getByRole('link', { name: 'Remove this limit' }).click();
    await see(page, `${whose}-limit-remove`);
    await submit(page, 'Remove limit');
  }
  await page.goto(`${server}/admin/tiers/free/delete`);
  await see(page, 'tier-delete');
}

/** Acting as somebody: the banner is on each page. */
export async function asSomebody(page, server, person, see) {
  await signIn(page, server, 'ada@example.org', PASSWORD);
  await page.goto(`${server}${person}`);
  await submit(page, 'Act as this user');
  await page.waitForURL(`${server}/`);
  await page.locator('.impersonation', { hasText: 'Grace Hopper' }).waitFor();
  await see(page, 'acting');
}
