
// How good a new password is, while it is typed: what was asked last counts.
for (const box of document.querySelectorAll('[data-strength]')) {
  const input = document.getElementById(box.dataset.strength);
  const meter = box.querySelector('meter');
  const text = box.querySelector('p');
  let timer;
  let last = 0;
  const ask = async (mine) => {
    const body = new URLSearchParams({ password: input.value });
    const fields = input.form.elements;
    body.set('email', fields.namedItem('email')?.value ?? '');
    body.set('name', fields.namedItem('name')?.value ?? box.dataset.name ?? '');
    const answer = await fetch('/password-strength', { method: 'POST', body }).catch(() => null);
    if (!answer?.ok || mine !== last) return;
    const estimate = await answer.json();
    if (mine !== last) return;
    box.hidden = false;
    meter.value = estimate.score;
    text.textContent = estimate.text;
  };
  input.addEventListener('input', () => {
    const mine = ++last;
    clearTimeout(timer);
    if (input.value) timer = setTimeout(ask, 300, mine);
    else box.hidden = true;
  });
}

// Codes that are typed in go along to the providers.
for (const code of document.querySelectorAll('[data-code]')) {
  const pass = () => {
    for (const door of document.querySelectorAll('[data-door]')) {
      const address = new URL(door.href);
      if (code.value.trim()) address.searchParams.set(code.dataset.code, code.value.trim());
      else address.searchParams.delete(code.dataset.code);
      door.href = address.pathname + address.search;
    }
  };
  code.addEventListener('input', pass);
  pass();
}
