// The health page looks again by itself, while somebody looks at it.
{
  const health = document.querySelector('[data-refresh]');
  const again = async () => {
    if (document.hidden || health.contains(document.activeElement)) return;
    const answer = await fetch(location.pathname, { cache: 'no-store' }).catch(() => null);
    if (!answer?.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
    const fresh = page.querySelector('[data-refresh]');
    if (fresh) health.replaceChildren(...fresh.childNodes);
  };
  if (health) setInterval(again, Number(health.dataset.refresh) * 1000);
}

// Typing a password means to use it.
{
  const typed = document.getElementById('how-typed');
  const password = typed && document.getElementById('password');
  password?.addEventListener('input', () => { typed.checked = true; });
}
