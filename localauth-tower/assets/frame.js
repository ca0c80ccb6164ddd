// Small things on top of pages that work without them.
'use strict';

// Times in the reader's own zone.
{
  const long = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: 'medium', timeStyle: 'short' });
  for (const time of document.querySelectorAll('time[datetime]')) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    time.title = time.textContent;
    time.textContent = long.format(at);
  }
}

// Buttons that copy: only where there is a clipboard.
for (const button of document.querySelectorAll('[data-copy]')) {
  if (!navigator.clipboard) break;
  button.hidden = false;
  button.addEventListener('click', async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    button.classList.add('done');
    button.setAttribute('aria-live', 'polite');
    const label = button.textContent;
    button.textContent = '✓';
    setTimeout(() => {
      button.textContent = label;
      button.classList.remove('done');
    }, 1500);
  });
}

// What a choice changes at once needs no button.
for (const control of document.querySelectorAll('[data-submit]')) {
  control.addEventListener('change', () => control.form.requestSubmit());
}

// A page that shows what is shown once is not sent again when it is loaded again.
{
  const once = document.querySelector('[data-once]');
  if (once) history.replaceState(null, '', once.dataset.once);
}

// Whoever is signed out meanwhile does not go on looking at what is no longer theirs.
if (document.body.hasAttribute('data-signed-in')) {
  const look = async () => {
    if (document.hidden) return;
    // What leads to the sign-in says the same: without TLS, browsers do not tell the server that a script asks.
    const answer = await fetch('/console/session', { cache: 'no-store', redirect: 'manual' }).catch(() => null);
    if (answer?.status === 401 || answer?.type === 'opaqueredirect') {
      location.replace(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
    }
  };
  setInterval(look, 4000);
  document.addEventListener('visibilitychange', look);
  // A page out of the browser's memory is asked at once.
  addEventListener('pageshow', (event) => event.persisted && look());
}
