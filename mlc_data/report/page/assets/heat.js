/* A cell of the heat map shows examples below. */
(() => {
  if (!$('examples')) return;
  const most = 4;
  document.querySelector('table.heat').addEventListener('click', (event) => {
    const button = event.target.closest('button');
    if (!button) return;
    for (const each of document.querySelectorAll('table.heat button')) each.setAttribute('aria-pressed', String(each === button));
    const { reason, language: code } = button.dataset;
    const found = data.rows.filter((row) => row.l === code && row.r[0] === reason);
    $('examples').replaceChildren(
      h('h3', {}, `${words(reason)} in ${language(code)}`),
      h('div', { class: 'cards' }, found.slice(0, most).map((row) => card(row))),
      found.length > most
        ? h('button', { type: 'button', class: 'more', onclick() { browse(code, reason); } }, `All ${count(found.length)} in the row browser`)
        : null,
      found.length ? null : h('p', { class: 'missing' }, 'The sample of this page has no such row: mlc-data report --rows takes more.'),
    );
    veil($('examples'));
  });
})();
