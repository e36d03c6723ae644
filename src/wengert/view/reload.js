// The part that `wengert view --serve` adds to the page: load it again when the server says so, at the same step.
(() => {
  const key = 'wengert-step';
  const kept = sessionStorage.getItem(key);
  sessionStorage.removeItem(key);
  const page = globalThis.wengert;
  if (kept && page) {
    const { mode, step } = JSON.parse(kept);
    page.mode.value = mode;
    page.go(step);
  }
  const events = new EventSource('events');
  events.onmessage = (event) => {
    if (event.data === 'VERSION') return; // the server writes this page's own version here
    events.close();
    if (page) sessionStorage.setItem(key, JSON.stringify({ mode: page.mode.value, step: page.step.value }));
    location.reload();
  };
})();
