/* Review: a variant at a time, keys y, n and ?, and a CSV file that `mlc-data review --import` reads. */
(() => {
  if (!$('reviewing')) return;
  const COLUMNS = ['row', 'language', 'prompt', 'variant', 'back_translation', 'verdict', 'reason', 'judgement', 'reviewer', 'note'];
  const FILLED_IN = ['judgement', 'reviewer', 'note'];
  /* Beginnings that a spreadsheet takes for a formula: those of mlc_data/core/spreadsheets.py. */
  const ACTIVE = /^[\s\p{Cc}\p{Cf}]*[=+\-@＝＋－＠]|^[\t\r\n]/u;
  const KEY = `mlc-data review ${data.sample}`;
  const kept = JSON.parse(storage.get(KEY) || '{}');
  const judged = new Map(Object.entries(kept.rows || {}));
  let rows = data.review, at = 0;
  $('reviewer').value = kept.reviewer || '';
  fill($('review-language'), [...new Set(data.review.map((row) => row.l))].map((code) => [code, language(code)]));

  function keep() { storage.set(KEY, JSON.stringify({ reviewer: $('reviewer').value, rows: Object.fromEntries(judged) })); }

  function progress() {
    const own = (what) => data.review.filter((row) => (judged.get(row.row) || {}).judgement === what).length;
    const [good, bad, unsure] = ['good', 'bad', '?'].map(own);
    const done = good + bad + unsure;
    $('review-progress').textContent = done
      ? `${count(done)} of ${count(data.review.length)} judged: ${count(good)} good, ${count(bad)} bad, ${count(unsure)} not sure`
      : '';
  }

  function show() {
    progress();
    const box = $('review-card');
    box.hidden = false;
    if (!rows.length) { box.replaceChildren(h('p', {}, 'There is no variant in this language to judge.')); return; }
    at = Math.min(Math.max(at, 0), rows.length - 1);
    const row = rows[at];
    const said = judged.get(row.row) || {};
    const [lost, added] = row.b ? differences(row.p, row.b) : [shown(row.p), null];
    const choice = (what, label, key) => h('button', {
      type: 'button', class: 'choice ' + { good: 'yes', bad: 'no', '?': 'maybe' }[what], 'aria-pressed': String(said.judgement === what), onclick() { judge(what); },
    }, label, ' ', h('kbd', { 'aria-hidden': 'true' }, key));
    box.replaceChildren(
      h('p', { class: 'tags' }, h('span', { class: 'quiet' }, `${count(at + 1)} of ${count(rows.length)}`), tag(language(row.l), 'language'),
        said.judgement ? (row.s === 'kept' ? tag('the checks keep it', 'good') : tag(`the checks reject it: ${words(row.r)}`, 'bad')) : null),
      field('Prompt', passage(lost, data.source, false)),
      field('Variant', passage(row.t, row.l, false, 'large')),
      field('Translated back', added ? passage(added, data.source, false) : h('p', { class: 'none' }, 'none')),
      h('p', { class: 'question' }, 'Is the variant a good translation of the prompt?'),
      h('div', { class: 'choices' }, choice('good', 'Good', 'y'), choice('bad', 'Bad', 'n'), choice('?', 'Not sure', '?')),
      h('label', { class: 'note-field' }, 'Note ', h('input', { value: said.note || '', maxlength: '500', oninput(event) { note(row, event.target.value); } })),
      h('div', { class: 'pager' }, h('button', { type: 'button', onclick() { step(-1); } }, 'Back'), h('button', { type: 'button', onclick() { step(1); } }, 'Skip')));
  }

  function note(row, text) {
    judged.set(row.row, { ...judged.get(row.row), note: text });
    keep();
  }

  function judge(what) {
    const row = rows[at];
    if (!row) return;
    judged.set(row.row, { ...judged.get(row.row), judgement: what });
    keep();
    step(1);
  }

  function step(by) {
    at += by;
    show();
    $('review-card').focus({ preventScroll: true });
  }

  function start() {
    const code = $('review-language').value;
    rows = data.review.filter((row) => !code || row.l === code);
    const open = rows.findIndex((row) => !(judged.get(row.row) || {}).judgement);
    at = open < 0 ? 0 : open;
    show();
    $('review-card').focus();
  }

  function neutral(name, value) {
    const text = value === null || value === undefined ? '' : String(value);
    const quoted = ACTIVE.test(text) || (text.startsWith("'") && !FILLED_IN.includes(name));
    return quoted ? "'" + text : text;
  }

  function csv() {
    const cell = (text) => (/[",;\t\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
    const lines = data.review.map((row) => {
      const said = judged.get(row.row) || {};
      const unsure = said.judgement === '?';
      const values = {
        row: row.row, language: row.l, prompt: row.p, variant: row.t, back_translation: row.b, verdict: row.s, reason: row.r,
        judgement: unsure ? '' : said.judgement, reviewer: $('reviewer').value.trim(),
        note: unsure ? ['not sure', said.note].filter(Boolean).join(': ') : said.note,
      };
      return COLUMNS.map((name) => cell(neutral(name, values[name]))).join(',');
    });
    return '\ufeff' + [COLUMNS.join(','), ...lines].join('\n') + '\n';
  }

  $('review-start').addEventListener('click', start);
  $('reviewer').addEventListener('input', keep);
  $('review-export').addEventListener('click', () => {
    const link = h('a', { href: URL.createObjectURL(new Blob([csv()], { type: 'text/csv' })), download: `review-${data.sample}.csv` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  });
  $('review-card').addEventListener('keydown', (event) => {
    if (event.target.matches('input') || event.ctrlKey || event.metaKey || event.altKey) return;
    const keys = { y: () => judge('good'), n: () => judge('bad'), '?': () => judge('?'), ArrowLeft: () => step(-1), ArrowRight: () => step(1) };
    const act = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
  progress();
})();
veil();
