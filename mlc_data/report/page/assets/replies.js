/* Replies before and after alignment, side by side. */
(() => {
  if (!$('reply-list')) return;
  const list = paged($('reply-list'), $('reply-pager'), 8, pair);

  function side(title, one, row) {
    if (!one) return field(title, h('p', { class: 'none' }, 'no reply'));
    return field(title,
      one.t ? passage(one.t, one.same === false ? '' : row.l, row.h) : h('p', { class: 'none' }, 'empty'),
      h('p', { class: 'tags' }, one.cut ? tag('cut at the limit', 'dull') : null,
        one.same === false ? tag(`in ${one.language}`, 'dull') : null),
      h('ul', { class: 'judges' }, one.j.map((each) => h('li', {}, h('b', {}, words(each.says)), ' ', h('span', { class: 'quiet' }, shown(each.judge)),
        each.why ? h('p', { class: 'small' }, shown(each.why)) : null))));
  }

  function pair(row) {
    return h('article', { class: 'card' },
      h('header', {}, h('p', { class: 'tags' }, tag(language(row.l), 'language'), tag(row.h ? 'harmful' : 'harmless', row.h ? 'bad' : 'good'),
        row.d ? tag('judged differently') : null, row.c ? h('span', { class: 'quiet' }, shown(words(row.c))) : null), revealer()),
      field('Prompt', passage(row.p, row.l, row.h)),
      h('div', { class: 'sides' }, side('Before', row.before, row), side('After', row.after, row)));
  }

  fill($('reply-language'), [...new Set(data.replies.map((row) => row.l))].map((code) => [code, language(code)]));
  function update() {
    const [code, kind, differ] = [$('reply-language').value, $('reply-kind').value, $('reply-differ').checked];
    const found = data.replies.filter((row) => (!code || row.l === code) && (!kind || row.h === (kind === 'harmful')) && (!differ || row.d));
    $('reply-count').textContent = `${count(found.length)} of ${count(data.replies.length)} replies to a prompt in one language`;
    list.set(found);
  }
  $('reply-filter').addEventListener('submit', (event) => event.preventDefault());
  $('reply-filter').addEventListener('input', update);
  update();
})();
