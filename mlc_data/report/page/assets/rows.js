/* Cards of variants, and the browser that searches and filters them. */
const CARDS = 15;

function outcome(row) { return row.s === 'kept' ? [tag('kept', 'good')] : row.r.map((name) => tag(words(name), row.s === 'failed' ? 'dull' : 'bad')); }

function card(row) {
  const prompt = data.prompts[row.i] || { t: '', c: null };
  const harm = harmful(prompt.c);
  const [lost, added] = row.b ? differences(prompt.t, row.b) : [shown(prompt.t), null];
  const more = h('div', { class: 'more-of', hidden: true });
  const button = h('button', {
    type: 'button', class: 'details', 'aria-expanded': 'false',
    onclick() {
      if (!more.childElementCount) more.append(...details(row, harm));
      more.hidden = !more.hidden;
      button.setAttribute('aria-expanded', String(!more.hidden));
      veil(more);
    },
  }, 'Scores and attempts');
  return h('article', { class: 'card row', 'data-id': `${row.i}:${row.l}` },
    h('header', {},
      h('p', { class: 'tags' }, tag(language(row.l), 'language'), outcome(row), row.g && row.g !== 'first' ? tag(`rescued by ${row.g}`) : null,
        prompt.c ? h('span', { class: 'quiet' }, shown(words(prompt.c))) : null),
      revealer()),
    h('div', { class: 'texts' },
      field('Prompt', passage(lost, data.source, harm)),
      field('Variant', row.t ? passage(row.t, row.l, harm) : h('p', { class: 'none' }, 'none')),
      field('Translated back', added ? passage(added, data.source, harm) : h('p', { class: 'none' }, 'none'))),
    button, more);
}

function details(row, harm) {
  const parts = [];
  if (row.a.length) {
    parts.push(field('Attempts', h('ol', { class: 'attempts' }, row.a.map((each) => h('li', {},
      h('p', { class: 'tags' }, tag(each.g, 'language'), each.r.length ? each.r.map((name) => tag(words(name), 'bad')) : tag('passes', 'good')),
      each.t ? passage(each.t, row.l, harm) : null,
      each.b ? passage(each.b, data.source, harm, 'back') : null)))));
  }
  const compared = data.limits.map((limit, at) => ({ limit, fails: row.x.includes(at) }));
  const lines = data.scores.map((name, at) => [name, row.v[at], compared.filter((each) => each.limit.scores.includes(name))]);
  parts.push(field('Scores', h('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Scores of this variant' }, h('table', { class: 'scores' },
    h('thead', {}, h('tr', {}, ['Score', 'Value', 'Limit', 'Verdict'].map((title) => h('th', { scope: 'col' }, title)))),
    h('tbody', {}, lines.map(([name, value, limits]) => h('tr', { class: limits.some((each) => each.fails) ? 'fails' : '' },
      h('th', { scope: 'row' }, words(name)),
      h('td', { class: 'n' }, value === null ? '–' : String(value)),
      h('td', { class: 'n' }, limits.map(({ limit }) => bound(limit, row.l)).join(', ')),
      h('td', {}, limits.some((each) => each.fails) ? 'rejected' : ''))))))));
  parts.push(h('p', { class: 'small' }, h('code', {}, `mlc-data explain ${data.run} ${row.i} --language ${row.l}`)));
  return parts;
}

function bound(limit, code) {
  const own = limit.languages[code];
  if (!own || own.bound === null) return 'off';
  return `${limit.upper ? '≤' : '≥'} ${Number(own.bound.toPrecision(4))}`;
}

const browse = (() => {
  if (!$('row-list')) return () => {};
  const list = paged($('row-list'), $('row-pager'), CARDS, card);
  const codes = Object.keys(data.languages).filter((code) => data.rows.some((row) => row.l === code));
  const names = [...new Set(data.rows.flatMap((row) => row.r))].sort();
  const categories = [...new Set(Object.values(data.prompts).map((prompt) => prompt.c).filter(Boolean))].sort();
  fill($('row-language'), codes.map((code) => [code, `${language(code)} (${code})`]));
  fill($('row-outcome'), [['kept', 'kept'], ['not kept', 'rejected or failed'], ['rescued', 'rescued'], ...names.map((name) => ['reason ' + name, words(name)])]);
  fill($('row-category'), categories.map((name) => [name, name]));
  const texts = new Map();
  const text = (row) => {
    if (!texts.has(row)) {
      const prompt = data.prompts[row.i] || { t: '' };
      texts.set(row, [prompt.t, row.t, row.b, row.i, 'row:' + prompt.n].join('\n').toLocaleLowerCase());
    }
    return texts.get(row);
  };
  const outcomes = {
    '': () => true,
    kept: (row) => row.s === 'kept',
    'not kept': (row) => row.s !== 'kept',
    rescued: (row) => row.s === 'kept' && row.g !== 'first',
  };
  function update() {
    const wanted = $('row-search').value.trim().toLocaleLowerCase();
    const [code, what, category] = ['row-language', 'row-outcome', 'row-category'].map((id) => $(id).value);
    const passes = outcomes[what] || ((row) => row.r.includes(what.slice('reason '.length)));
    const found = data.rows.filter((row) => (!code || row.l === code) && passes(row) &&
      (!category || (data.prompts[row.i] || {}).c === category) && (!wanted || text(row).includes(wanted)));
    $('row-count').textContent = `${count(found.length)} of ${count(data.rows.length)} rows`;
    list.set(found);
  }
  $('row-filter').addEventListener('submit', (event) => event.preventDefault());
  $('row-filter').addEventListener('input', update);
  update();
  return (code, reason) => {
    $('row-search').value = '';
    $('row-category').value = '';
    $('row-language').value = code;
    $('row-outcome').value = 'reason ' + reason;
    update();
    $('rows').scrollIntoView();
    $('row-language').focus({ preventScroll: true });
  };
})();
