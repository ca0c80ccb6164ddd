// The official `openai` client for Node against a running server; see ../README.md.

import { createRequire } from 'node:module';
import { join } from 'node:path';

// The packages lie outside the checkout, where `import` does not look.
const packages = createRequire(join(process.env.LOCALAUTH_TEST_NODE_MODULES ?? import.meta.dirname, 'packages'));
const OpenAI = packages('openai');
const { VERSION } = packages('openai/version');

const QUESTION = [{ role: 'user', content: 'Who are you?' }];

class Unmet extends Error {}

function require(condition, message) {
  if (!condition) throw new Unmet(message);
}

/** A client with this key, or with no credential at all, which its constructor has no word for. */
function client(baseURL, key) {
  const defaultHeaders = key === null ? { Authorization: null } : {};
  return new OpenAI({ baseURL, apiKey: key ?? 'not sent', defaultHeaders, maxRetries: 0, timeout: 60_000 });
}

function counts(usage) {
  if (!usage) return null;
  const { prompt_tokens, completion_tokens, total_tokens } = usage;
  return { prompt_tokens, completion_tokens, total_tokens };
}

async function chat(api, model) {
  const answer = await api.chat.completions.create({ model, messages: QUESTION });
  const [choice] = answer.choices;
  require(choice.message.content, 'the chat has no content');
  require(answer.usage, 'the chat has no usage');
  return {
    what: 'chat',
    content: choice.message.content,
    chunks: null,
    finish_reason: choice.finish_reason,
    usage: counts(answer.usage),
  };
}

async function stream(api, model, what, options) {
  let [content, chunks, finish_reason, usage] = ['', 0, null, null];
  const answer = await api.chat.completions.create({ model, messages: QUESTION, stream: true, ...options });
  for await (const chunk of answer) {
    chunks += 1;
    require(chunk.choices.length > 0 || options, `${what}: a chunk without choices, which nobody asked for`);
    for (const choice of chunk.choices) {
      content += choice.delta.content ?? '';
      finish_reason = choice.finish_reason ?? finish_reason;
    }
    usage = chunk.usage ?? usage;
  }
  require(content, `${what} has no content`);
  require(finish_reason, `${what} has no finish_reason`);
  require(usage || !options, `${what} has no usage`);
  return { what, content, chunks, finish_reason, usage: counts(usage) };
}

/** Sees `call` refused by exactly this error. */
async function refusal(what, call, errorClass, status, type, code, secret) {
  let error;
  try {
    await call();
  } catch (thrown) {
    error = thrown;
  }
  require(error, `${what} was let through`);
  require(error.constructor === errorClass, `${what}: ${error.constructor.name} instead of ${errorClass.name}: ${error}`);
  const seen = JSON.stringify([error.status, error.type, error.code, error.param]);
  const expected = JSON.stringify([status, type, code, null]);
  require(seen === expected, `${what}: status, type, code, param are ${seen}, not ${expected}`);
  require(error.error?.message, `${what}: no message in ${JSON.stringify(error.error)}`);
  const challenge = error.headers.get('www-authenticate') ?? '';
  require(challenge.startsWith('Bearer ') === (status === 401), `${what}: the challenge of a ${status} is "${challenge}"`);
  require(!secret || !JSON.stringify(error.error).includes(secret), `${what}: the answer repeats the key`);
  return { what, class: errorClass.name, status, type, code };
}

async function main(baseURL, key, revokedKey, model = 'demo', adminRoute = '/models/status') {
  const api = client(baseURL, key);
  const models = [];
  for await (const entry of api.models.list()) models.push(entry.id);
  require(models.length > 0, 'the list of models is empty');
  const answers = [
    await chat(api, model),
    await stream(api, model, 'stream_with_usage', { stream_options: { include_usage: true } }),
    await stream(api, model, 'stream'),
  ];

  // The last character is part of the checksum.
  const wrongKey = key.slice(0, -1) + (key.endsWith('a') ? 'b' : 'a');
  const authentication = [OpenAI.AuthenticationError, 401, 'authentication_error'];
  const invalid = [...authentication, 'invalid_api_key'];
  const missing = [...authentication, 'missing_credentials'];
  const refusals = [
    await refusal('no_key', () => client(baseURL, null).models.list(), ...missing),
    await refusal('no_key_chat', () => chat(client(baseURL, null), model), ...missing),
    await refusal('wrong_key', () => client(baseURL, wrongKey).models.list(), ...invalid, wrongKey),
    await refusal('foreign_key', () => client(baseURL, 'sk-not-ours').models.list(), ...invalid),
    await refusal('revoked_key', () => chat(client(baseURL, revokedKey), model), ...invalid, revokedKey),
    await refusal(
      'revoked_key_stream',
      () => stream(client(baseURL, revokedKey), model, 'stream'),
      ...invalid,
      revokedKey,
    ),
    await refusal(
      'admin_route',
      () => api.post(adminRoute, { body: { model_id: model } }),
      OpenAI.PermissionDeniedError,
      403,
      'authorization_error',
      'admin_required',
    ),
  ];
  console.log(JSON.stringify({ client: 'node', version: VERSION, models, answers, refusals }));
}

const given = process.argv.slice(2);
if (given.length < 3 || given.length > 5) {
  console.error('usage: walk.mjs BASE_URL KEY REVOKED_KEY [MODEL] [ADMIN_ROUTE]');
  process.exit(2);
}
try {
  await main(...given);
} catch (error) {
  console.error(error instanceof Unmet ? `walk.mjs: ${error.message}` : error);
  process.exit(1);
}
