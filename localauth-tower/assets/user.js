// The chat: answers appear as they are written.
{
  const form = document.getElementById('chat');
  const talk = document.getElementById('talk');
  const trouble = document.getElementById('chat-trouble');
  const stop = document.getElementById('chat-stop');
  const say = form?.dataset;
  const messages = [];

  // What went wrong, in words; as the page says it without scripts.
  const why = async (answer) => {
    const body = await answer.json().catch(() => null);
    const after = answer.headers.get('retry-after');
    const code = body?.error?.code;
    if (answer.status === 401) return say.signedOut;
    if (answer.status === 403) {
      return { feature_disabled: say.feature, model_not_allowed: say.model, key_scope: say.scope }[code] ?? body?.error?.message ?? say.refused;
    }
    if (answer.status === 404) return say.missing;
    if (answer.status === 429) return after ? say.limited.replace('%s', after) : say.usedUp;
    return answer.status < 500 ? say.bad : say.server;
  };

  const add = (kind, text) => {
    const line = document.createElement('p');
    line.className = kind;
    line.textContent = text;
    talk.append(line);
    talk.hidden = false;
    talk.scrollTop = talk.scrollHeight;
    return line;
  };

  // The pieces of an answer, one event after the other.
  const pieces = async function* (body) {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = '';
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      rest += value;
      const lines = rest.split(/\r\n|\r|\n/);
      rest = lines.pop();
      for (const line of lines) {
        const data = line.startsWith('data:') ? line.slice(5).trim() : '';
        if (data === '[DONE]') return;
        if (!data) continue;
        const event = JSON.parse(data);
        if (event.error) throw new Error(event.error.message);
        yield event.choices?.[0]?.delta?.content ?? '';
      }
    }
  };

  const read = async (answer, line) => {
    if (!answer.headers.get('content-type')?.startsWith('text/event-stream')) {
      const whole = await answer.json();
      line.textContent = whole.choices[0].message.content ?? '';
      return;
    }
    for await (const piece of pieces(answer.body)) {
      line.textContent += piece;
      talk.scrollTop = talk.scrollHeight;
    }
  };

  form?.addEventListener('submit', async (event) => {
    event.preventDefault();
    const send = form.querySelector('button:not([type])');
    const question = form.message.value.trim();
    if (!question || send.disabled) return;
    const abort = new AbortController();
    stop.onclick = () => abort.abort();
    trouble.hidden = true;
    send.disabled = true;
    stop.hidden = false;
    const asked = add('asked', question);
    const line = add('said', '…');
    // Told as a whole, and not word by word.
    talk.setAttribute('aria-busy', 'true');
    try {
      const answer = await fetch('/v1/chat/completions', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          model: form.model.value,
          messages: [...messages, { role: 'user', content: question }],
          stream: true,
        }),
        signal: abort.signal,
      });
      if (!answer.ok) throw new Error(await why(answer), { cause: 'told' });
      line.textContent = '';
      form.message.value = '';
      await read(answer, line);
    } catch (error) {
      if (error.name !== 'AbortError') {
        trouble.textContent = error.cause === 'told' ? error.message : say.broken;
        trouble.hidden = false;
      }
      if (['', '…'].includes(line.textContent)) {
        line.remove();
        asked.remove();
        form.message.value = question;
        talk.hidden = !talk.children.length;
      }
    } finally {
      if (line.isConnected) {
        messages.push({ role: 'user', content: question }, { role: 'assistant', content: line.textContent });
      }
      talk.removeAttribute('aria-busy');
      send.disabled = false;
      if (document.activeElement === stop) form.message.focus();
      stop.hidden = true;
    }
  });
}

// The day is asked for only where one is chosen.
{
  const expires = document.getElementById('expires');
  const day = document.getElementById('expiry-date');
  const look = () => {
    day.hidden = expires.value !== 'date';
  };
  if (expires && day) {
    look();
    expires.addEventListener('change', look);
  }
}
