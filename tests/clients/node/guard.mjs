// The official `openai` client for Node against a guard; see ../README.md.

import { createRequire } from 'node:module';
import { join } from 'node:path';

// The packages lie outside the checkout, where `import` does not look.
const packages = createRequire(join(process.env.LOCALAUTH_TEST_NODE_MODULES ?? import.meta.dirname, 'packages'));
const OpenAI = packages('openai');
const { toFile } = OpenAI;

function require(condition, message) {
  if (!condition) throw new Error(message);
}

async function main(url, key, model) {
  const api = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0, timeout: 60_000 });
  const messages = [{ role: 'user', content: 'Who are you?' }];
  const models = [];
  for await (const entry of api.models.list()) models.push(entry.id);
  const chat = await api.chat.completions.create({ model, messages });
  require(chat.choices[0].message.content, 'the chat has no content');
  let text = '';
  for await (const chunk of await api.chat.completions.create({ model, messages, stream: true })) {
    require(chunk.choices.length > 0, 'a chunk without choices, which nobody asked for');
    text += chunk.choices[0].delta.content ?? '';
  }
  require(text, 'the stream has no content');
  const vectors = await api.embeddings.create({ model, input: ['one', 'two'], encoding_format: 'float' });
  require(vectors.data.length === 2 && vectors.data[0].embedding.length > 0, 'embeddings are missing');
  const sound = await toFile(Buffer.from(`RIFF${'x'.repeat(10_000)}`), 'sound.wav');
  const said = await api.audio.transcriptions.create({ model, file: sound });
  require(said.text, 'the transcript is empty');
  const answers = { models, chat: chat.choices[0].message.content, stream: text, transcript: said.text };
  console.log(JSON.stringify({ openai: answers }));
}

const given = process.argv.slice(2);
if (given.length !== 3) {
  console.error('usage: guard.mjs URL KEY MODEL');
  process.exit(2);
}
try {
  await main(...given);
} catch (error) {
  console.error(error);
  process.exit(1);
}
