const data = JSON.parse(document.getElementById('data').textContent);

/* Characters that change the direction of text around them, and controls that show nothing. */
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/;
const WORDS = new Intl.Segmenter(undefined, { granularity: 'word' });

function $(id) { return document.getElementById(id); }

/* Element with attributes and children; texts become text nodes, so nothing in them is ever HTML. */
function h(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name.startsWith('on')) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, '');
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.flat().filter((each) => each !== null && each !== undefined && each !== false));
  return made;
}

/* A text with its controls as visible names. */
function shown(text) {
  const parts = [];
  let plain = '';
  for (const character of String(text)) {
    if (CONTROLS.test(character)) {
      const name = 'U+' + character.codePointAt(0).toString(16).toUpperCase().padStart(4, '0');
      parts.push(plain, h('span', { class: 'control', title: name + ' control character' }, name));
      plain = '';
    } else plain += character;
  }
  return [...parts, plain].filter((each) => each !== '');
}

/* Text in its language and direction; `harm` is blurred until it is asked for. */
function passage(content, code, harm, extra) {
  const language = data.languages[code] || { tag: 'und', dir: 'auto' };
  const parts = typeof content === 'string' ? shown(content) : content;
  return h('p', { class: 'text' + (harm ? ' harm' : '') + (extra ? ' ' + extra : ''), lang: language.tag, dir: language.dir },
    h('bdi', {}, parts));
}

function words(name) { return String(name).replaceAll('_', ' '); }
function count(value) { return Number(value).toLocaleString('en'); }
function language(code) { return (data.languages[code] || { name: code }).name; }
function harmful(category) { return !data.harmless.includes(category); }
function tag(text, kind) { return h('span', { class: 'tag' + (kind ? ' ' + kind : '') }, text); }
function field(label, ...content) { return h('div', { class: 'field' }, h('p', { class: 'name' }, label), content); }

function fill(select, options) {
  select.append(...options.map(([value, label]) => h('option', { value }, label)));
}

/* Words of `after` that `before` does not have in that order are marked, and the other way round. */
function differences(before, after) {
  const [left, right] = [before, after].map((text) => Array.from(WORDS.segment(text), (each) => each.segment));
  if (left.length * right.length > 250000) return [shown(before), shown(after)];
  const same = (one, other) => one.toLowerCase() === other.toLowerCase();
  const table = Array.from({ length: left.length + 1 }, () => new Uint16Array(right.length + 1));
  for (let i = left.length - 1; i >= 0; i--) {
    for (let j = right.length - 1; j >= 0; j--) {
      table[i][j] = same(left[i], right[j]) ? table[i + 1][j + 1] + 1 : Math.max(table[i + 1][j], table[i][j + 1]);
    }
  }
  const [lost, added] = [[], []];
  let i = 0, j = 0;
  while (i < left.length || j < right.length) {
    if (i < left.length && j < right.length && same(left[i], right[j])) {
      lost.push([left[i++], false]);
      added.push([right[j++], false]);
    } else if (j >= right.length || (i < left.length && table[i + 1][j] >= table[i][j + 1])) lost.push([left[i++], true]);
    else added.push([right[j++], true]);
  }
  return [marked(lost, 'del'), marked(added, 'ins')];
}

function marked(parts, element) {
  const runs = [];
  /* Blanks and points between two changed words belong to the change. */
  const whole = parts.map(([text, changed], at) => [text, changed ||
    (!/[\p{L}\p{N}]/u.test(text) && Boolean(parts[at - 1]?.[1] && parts[at + 1]?.[1]))]);
  for (const [text, changed] of whole) {
    const last = runs.at(-1);
    if (last && last[1] === changed) last[0] += text;
    else runs.push([text, changed]);
  }
  return runs.flatMap(([text, changed]) => (changed && text.trim() ? [h(element, {}, shown(text))] : shown(text)));
}

/* The switch for all texts, and what a screen reader gets of those that are blurred. */
function veil(root) {
  const hidden = document.body.classList.contains('veiled');
  for (const each of (root || document).querySelectorAll('.harm')) {
    const blurred = hidden && !each.closest('.open');
    if (blurred) each.setAttribute('aria-hidden', 'true');
    else each.removeAttribute('aria-hidden');
  }
  for (const each of (root || document).querySelectorAll('.reveal')) {
    each.hidden = !hidden || !each.closest('.card').querySelector('.harm');
  }
}

function revealer() {
  return h('button', {
    type: 'button', class: 'reveal', 'aria-pressed': 'false',
    onclick(event) {
      const card = event.currentTarget.closest('.card');
      const open = card.classList.toggle('open');
      event.currentTarget.setAttribute('aria-pressed', String(open));
      event.currentTarget.textContent = open ? 'Blur' : 'Reveal';
      veil(card);
    },
  }, 'Reveal');
}

$('veil').addEventListener('click', () => {
  const hidden = document.body.classList.toggle('veiled');
  $('veil').setAttribute('aria-checked', String(!hidden));
  $('veil-note').hidden = !hidden;
  veil();
});

/* Colours: as the system has them, light, or dark. Storage may be refused to a file; the choice then lasts for the visit. */
const storage = {
  get(key) { try { return localStorage.getItem(key); } catch { return null; } },
  set(key, value) { try { localStorage.setItem(key, value); } catch { this.refused = true; } },
};
const THEMES = ['auto', 'light', 'dark'];

function theme(name) {
  if (name === 'auto') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
  $('theme-name').textContent = name[0].toUpperCase() + name.slice(1);
  $('theme').setAttribute('aria-label', 'Colours: ' + (name === 'auto' ? 'as the system has them' : name));
  $('theme').dataset.now = name;
}

theme(THEMES.includes(storage.get('mlc-data theme')) ? storage.get('mlc-data theme') : 'auto');
$('theme').addEventListener('click', () => {
  const next = THEMES[(THEMES.indexOf($('theme').dataset.now) + 1) % THEMES.length];
  theme(next);
  storage.set('mlc-data theme', next);
});

document.addEventListener('click', async (event) => {
  const button = event.target.closest('[data-copy]');
  if (!button) return;
  const code = $(button.dataset.copy);
  if (navigator.clipboard) await navigator.clipboard.writeText(code.textContent);
  else getSelection().selectAllChildren(code);
  button.textContent = navigator.clipboard ? 'Copied' : 'Selected';
  setTimeout(() => { button.textContent = 'Copy'; }, 1500);
});

/* A list a page at a time. */
function paged(list, pager, size, draw) {
  let items = [], page = 0;
  function show(focus) {
    const pages = Math.max(1, Math.ceil(items.length / size));
    page = Math.min(Math.max(page, 0), pages - 1);
    list.replaceChildren(...items.slice(page * size, (page + 1) * size).map(draw));
    veil(list);
    const step = (label, by, off) => h('button', { type: 'button', disabled: off, onclick() { page += by; show(true); } }, label);
    pager.replaceChildren(...(pages > 1
      ? [step('Previous', -1, page === 0), h('span', {}, `page ${count(page + 1)} of ${count(pages)}`), step('Next', 1, page === pages - 1)]
      : []));
    if (focus) list.closest('section').scrollIntoView({ block: 'start' });
  }
  return { set(next) { items = next; page = 0; show(false); } };
}

/* The section that is read is marked in the contents. */
const links = new Map(Array.from(document.querySelectorAll('.contents a'), (each) => [each.hash.slice(1), each]));
const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    for (const [id, link] of links) {
      if (id === entry.target.id) link.setAttribute('aria-current', 'true');
      else link.removeAttribute('aria-current');
    }
  }
}, { rootMargin: '-20% 0px -70% 0px' });
for (const id of links.keys()) watcher.observe($(id));
