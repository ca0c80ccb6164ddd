// A certified OpenID Connect provider, configured for the integration tests.
// Every setting is an environment variable; README.md lists them.
import { createServer } from 'node:http';
import { once } from 'node:events';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const env = (name, fallback) => process.env[name] || fallback;
const flag = (name, fallback) => !/^(0|false|no|off)$/i.test(env(name, fallback));
const die = (why) => { process.stderr.write(`idp: ${why}\n`); process.exit(2); };

const alg = env('ALG', 'RS256');
const keyTypes = {
  RS256: ['rsa', { modulusLength: 2048 }],
  PS256: ['rsa', { modulusLength: 2048 }],
  ES256: ['ec', { namedCurve: 'P-256' }],
  EdDSA: ['ed25519', {}],
};
if (!keyTypes[alg]) die(`ALG must be one of ${Object.keys(keyTypes).join(', ')}`);
const redirectUris = env('REDIRECT_URI', '').split(',').map((u) => u.trim()).filter(Boolean);
if (!redirectUris.length) die('REDIRECT_URI is required');
const authMethod = env('TOKEN_AUTH_METHOD', 'client_secret_basic');
const clientId = env('CLIENT_ID', 'test-client');

// The port is bound first, so that PORT=0 can take any free one and still be in the issuer.
let handle = (req, res) => { res.writeHead(503).end(); };
const server = createServer((req, res) => handle(req, res));
server.on('error', (e) => die(e.message));
server.listen(Number(env('PORT', '9090')), '127.0.0.1');
await once(server, 'listening');
const issuer = env('ISSUER', 'http://127.0.0.1:{port}').replace('{port}', server.address().port);
const base = new URL(issuer);
const prefix = base.pathname.replace(/\/+$/, '');

// ---- keys: new ones, with new key ids, at every start ----
const jwk = (forAlg, label) => ({
  ...generateKeyPairSync(...keyTypes[forAlg]).privateKey.export({ format: 'jwk' }),
  kid: `${label}-${randomBytes(4).toString('hex')}`,
  alg: forAlg,
  use: 'sig',
});
const signing = jwk(alg, 'signing');
const others = flag('DECOY_KEYS', '0')
  ? Object.keys(keyTypes).map((a) => jwk(a, 'unused')) : [];

// ---- people ----
const verifiedIs = { true: true, false: false, absent: undefined };
if (!(env('EMAIL_VERIFIED', 'true') in verifiedIs)) die('EMAIL_VERIFIED must be true, false or absent');
const verified = verifiedIs[env('EMAIL_VERIFIED', 'true')];
const person = (login, number, full, groups) => ({
  login,
  password: `${login}-password`,
  claims: {
    sub: `user-${number}`,
    preferred_username: login,
    name: full,
    email: `${login}@example.test`,
    email_verified: verified,
    picture: `https://example.test/avatars/${login}.png`,
    groups,
  },
});
const people = [
  person('alice', 1001, 'Alice Adler', ['admins', 'staff']),
  person('bob', 1002, 'Bob Brandt', ['staff']),
  person('carol', 1003, 'Cárol Çelik 卡罗尔', []),
];
const bySub = (sub) => people.find((p) => p.claims.sub === sub);
const byLogin = (login) => people.find((p) => p.login === login);
const autoLogin = env('AUTO_LOGIN', '');
if (autoLogin && !byLogin(autoLogin)) die(`AUTO_LOGIN names nobody: ${autoLogin}`);

// oidc-provider prints its notices with console.info: keep stdout for the one ready line.
console.info = console.warn = console.error;
// The packages lie outside the checkout, where `import` does not look.
const packages = createRequire(join(process.env.LOCALAUTH_TEST_IDP_MODULES ?? import.meta.dirname, 'packages'));
const { default: Provider } = await import(pathToFileURL(packages.resolve('oidc-provider')));

// A grant that covers whatever scope was asked for, so that nobody meets a consent page.
async function grantEverything(provider, grantId, accountId, clientId, scope) {
  const grant = (grantId && await provider.Grant.find(grantId))
    || new provider.Grant({ accountId, clientId });
  grant.addOIDCScope(scope || 'openid');
  await grant.save();
  return grant;
}

const provider = new Provider(issuer, {
  jwks: { keys: [signing, ...others] },
  clients: [{
    client_id: clientId,
    ...(authMethod === 'none' ? {} : { client_secret: env('CLIENT_SECRET', 'test-client-secret') }),
    redirect_uris: redirectUris,
    response_types: ['code'],
    application_type: 'web',
    grant_types: ['authorization_code', 'refresh_token'],
    token_endpoint_auth_method: authMethod,
    id_token_signed_response_alg: alg,
  }],
  responseTypes: ['code'],
  scopes: ['openid', 'profile', 'email', 'groups', 'offline_access'],
  claims: {
    openid: ['sub'],
    profile: ['name', 'preferred_username', 'picture'],
    email: ['email', 'email_verified'],
    groups: ['groups'],
  },
  conformIdTokenClaims: !flag('CLAIMS_IN_ID_TOKEN', '0'),
  findAccount: (ctx, sub) => {
    const found = bySub(sub);
    return found && { accountId: sub, claims: () => structuredClone(found.claims) };
  },
  loadExistingGrant: (ctx) => {
    const { client, session, params } = ctx.oidc;
    const known = session.grantIdFor(client.clientId);
    return grantEverything(ctx.oidc.provider, known, session.accountId, client.clientId, params.scope);
  },
  pkce: { required: () => flag('PKCE_REQUIRED', '1') },
  cookies: { keys: [randomBytes(32).toString('hex')] },
  interactions: { url: (ctx, interaction) => `${prefix}/login/${interaction.uid}` },
  features: {
    devInteractions: { enabled: false },
    userinfo: { enabled: flag('USERINFO', '1') },
  },
  // Lifetimes in seconds; naming them all keeps the library from warning about its defaults.
  ttl: {
    AccessToken: 600, AuthorizationCode: 60, IdToken: Number(env('ID_TOKEN_TTL', '300')),
    RefreshToken: 86400, Interaction: 600, Session: 86400, Grant: 86400,
  },
});
if (base.protocol === 'https:') provider.proxy = true;
// The library checks a client's settings at its first use only; do it now.
const client = await provider.Client.find(clientId).catch((e) => die(`client: ${e.error_description || e.message}`));

for (const event of ['server_error', 'authorization.error', 'grant.error', 'userinfo.error', 'discovery.error', 'jwks.error']) {
  provider.on(event, (ctx, e) => console.error(`idp: ${event}: ${e.error_detail || e.error_description || e.message}`));
}

// ---- the login page ----
const escape = (s) => String(s).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
function page(res, status, action, login = '', note = '') {
  res.writeHead(status, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' });
  res.end(`<!doctype html><html lang="en"><meta charset="utf-8"><title>Test IdP sign-in</title>
<h1>Test IdP</h1><p id="note">${escape(note)}</p>
<form id="login-form" method="post" action="${escape(action)}">
<label>User <input name="username" value="${escape(login)}" autofocus></label>
<label>Password <input name="password" type="password"></label>
<button name="do" value="login">Sign in</button> <button name="do" value="deny">Cancel</button>
</form></html>`);
}

async function formOf(req) {
  let text = '';
  for await (const chunk of req) if ((text += chunk).length > 10_000) throw new Error('form too large');
  return new URLSearchParams(text);
}

async function interact(req, res) {
  const { prompt, params, session, grantId } = await provider.interactionDetails(req, res);
  const finish = (result) => provider.interactionFinished(req, res, result, { mergeWithLastSubmission: true });
  if (prompt.name === 'consent') { // only when the client asked with prompt=consent
    const grant = await grantEverything(provider, grantId, session.accountId, params.client_id, params.scope);
    return finish({ consent: { grantId: grant.jti } });
  }
  const here = prefix + req.url;
  if (req.method !== 'POST') {
    if (autoLogin) return finish({ login: { accountId: byLogin(autoLogin).claims.sub } });
    return page(res, 200, here, params.login_hint);
  }
  const form = await formOf(req);
  if (form.get('do') === 'deny') return finish({ error: 'access_denied', error_description: 'the user said no' });
  const who = byLogin(form.get('username'));
  if (!who || form.get('password') !== who.password) return page(res, 401, here, form.get('username') ?? '', 'Wrong user name or password.');
  return finish({ login: { accountId: who.claims.sub } });
}

const protocol = provider.callback();
handle = (req, res) => {
  // One origin only, whatever Host the caller used: the metadata must not depend on it.
  req.headers.host = base.host;
  if (base.protocol === 'https:') req.headers['x-forwarded-proto'] = 'https';
  if (prefix) {
    if (!req.url.startsWith(`${prefix}/`)) return res.writeHead(404).end();
    req.originalUrl = req.url;
    req.url = req.url.slice(prefix.length);
  }
  if (!/^\/login\/[\w-]+$/.test(req.url)) return protocol(req, res);
  return interact(req, res).catch((e) => {
    console.error(`idp: login page: ${e.error_description || e.message}`);
    if (!res.headersSent) res.writeHead(400, { 'content-type': 'text/plain' });
    res.end('This sign-in is unknown, finished or too old.\n');
  });
};

for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(0));
if (flag('CONTROL', '0')) {
  // A server under test knows its port, and so its callback, only when this provider runs already. The end of the
  // input is the end of whoever started this, even where that one was killed.
  const lines = createInterface({ input: process.stdin });
  lines.on('line', (uri) => {
    client.redirectUris.push(uri);
    process.stdout.write(`accepting ${uri}\n`);
  });
  lines.on('close', () => process.exit(0));
}
process.stdout.write(`listening on ${issuer} (port ${server.address().port})\n`);
