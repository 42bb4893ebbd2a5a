/* Histograms of scores with limits that move from edge to edge, and the command that sets them. */
(() => {
  if (!$('histograms')) return;
  const SVG = 'http://www.w3.org/2000/svg';
  const [WIDTH, HEIGHT, PAD] = [320, 96, 8];
  const moved = new Map(); /* "key language" -> place of the edge */
  const changedBy = (limit) => limit.upper
    ? (own, place) => sum(own.alone, 0, place + 1)
    : (own, place) => sum(own.alone, place + 1, own.alone.length);

  function sum(values, from, to) {
    let total = 0;
    for (let at = from; at < to; at++) total += values[at];
    return total;
  }

  /* Variants kept under a limit at an edge: those that pass it, and those that it can never reject. */
  function keptAt(limit, own, place) { return own.always + changedBy(limit)(own, place); }

  function svg(tag, attributes) {
    const made = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    return made;
  }

  const rejecting = (limit) => Object.entries(limit.languages).reduce((most, [code, own]) =>
    most + own.always + sum(own.alone, 0, own.alone.length) - data.kept[code], 0);
  const order = data.limits.map((limit, place) => [rejecting(limit), place]);
  fill($('limit'), data.limits.map((limit, place) => [String(place), `${words(limit.check)}: ${limit.key.split('.').at(-1)}`]));
  $('limit').value = String(order.reduce((best, each) => (each[0] > best[0] ? each : best))[1]);
  const current = () => data.limits[Number($('limit').value)];

  function draw() {
    const limit = current();
    $('limit-about').replaceChildren(
      h('code', {}, limit.key), ` compares ${limit.scores.join(' and ')}; `,
      limit.upper ? 'greater values are rejected.' : 'smaller values are rejected.');
    $('histograms').replaceChildren(...Object.entries(limit.languages).map(([code, own]) => histogram(limit, code, own)));
    command();
  }

  function histogram(limit, code, own) {
    if (![own.alone, own.others, own.excused].some((each) => each.some(Boolean))) {
      return h('figure', { class: 'one', 'data-language': code }, h('figcaption', {}, h('b', {}, language(code))),
        h('p', { class: 'empty' }, 'No variant has this score: all pass.'));
    }
    const edges = limit.edges, last = edges.length - 1;
    const [low, high] = [edges[0], edges[last]];
    const x = (value) => PAD + (WIDTH - 2 * PAD) * Math.min(1, Math.max(0, (value - low) / (high - low)));
    const most = Math.max(1, ...own.alone.map((number, at) => number + own.others[at] + own.excused[at]));
    /* The square root keeps a few rejected variants visible beside thousands of good ones. */
    const y = (number) => HEIGHT * Math.sqrt(number / most);
    const picture = svg('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT + 22}`, class: 'histogram', 'aria-hidden': 'true' });
    const wide = (WIDTH - 2 * PAD) / (edges.length - 1);
    own.alone.forEach((number, at) => {
      const [all, kept, alone] = [y(number + own.excused[at] + own.others[at]), y(number + own.excused[at]), y(number)];
      const left = PAD + (at - 1) * wide;
      const box = { x: Math.max(0, left), width: Math.max(1, Math.min(wide, PAD + wide) - 0.6) };
      if (own.others[at]) picture.append(svg('rect', { ...box, y: HEIGHT - all, height: all, class: 'others' }));
      if (own.excused[at]) picture.append(svg('rect', { ...box, y: HEIGHT - kept, height: kept, class: 'excused' }));
      if (alone) picture.append(svg('rect', { ...box, y: HEIGHT - alone, height: alone, class: 'alone' }));
    });
    picture.append(svg('line', { x1: PAD, x2: WIDTH - PAD, y1: HEIGHT + 0.5, y2: HEIGHT + 0.5, class: 'axis' }));
    for (const [value, anchor] of [[low, 'start'], [high, 'end']]) {
      const label = svg('text', { x: x(value), y: HEIGHT + 16, 'text-anchor': anchor });
      label.textContent = String(value);
      picture.append(label);
    }
    if (own.bound !== null) picture.append(svg('line', { x1: x(own.bound), x2: x(own.bound), y1: 0, y2: HEIGHT, class: 'was' }));
    const line = svg('line', { y1: 0, y2: HEIGHT, class: 'limit' });
    const knob = svg('circle', { cy: 8, r: 7, class: 'limit' });
    picture.append(line, knob);

    const value = h('output', { class: 'value' });
    const says = h('p', { class: 'says' });
    const slider = h('div', {
      class: 'plot', role: 'slider', tabindex: '0', 'data-language': code,
      'aria-label': `${limit.key.split('.').at(-1)}, ${language(code)}`, 'aria-valuemin': low, 'aria-valuemax': high,
    }, picture);

    function place() {
      const key = `${limit.key} ${code}`;
      if (moved.has(key)) return moved.get(key);
      return own.bound === null ? (limit.upper ? last : 0) : nearest(own.bound);
    }
    function nearest(wanted) {
      let best = 0;
      edges.forEach((edge, at) => { if (Math.abs(edge - wanted) < Math.abs(edges[best] - wanted)) best = at; });
      return best;
    }
    function show() {
      const is = moved.has(`${limit.key} ${code}`);
      const now = is ? edges[place()] : own.bound;
      const kept = is ? keptAt(limit, own, place()) : data.kept[code];
      const by = kept - data.kept[code];
      for (const each of [line, knob]) each.classList.toggle('moved', is);
      const at = now === null ? x(limit.upper ? high : low) : x(now);
      line.setAttribute('x1', at);
      line.setAttribute('x2', at);
      knob.setAttribute('cx', at);
      value.textContent = now === null ? 'off' : shortly(now);
      says.replaceChildren(`keeps ${count(kept)} of ${count(data.requested[code])}`,
        by ? h('b', { class: by > 0 ? 'up' : 'down' }, ` ${by > 0 ? '+' : '−'}${count(Math.abs(by))}`) : '');
      slider.setAttribute('aria-valuenow', now === null ? (limit.upper ? high : low) : now);
      slider.setAttribute('aria-valuetext', `${value.textContent}, ${says.textContent}`);
    }
    function move(to) {
      const target = Math.min(last, Math.max(0, to));
      const codes = $('together').checked ? Object.keys(limit.languages) : [code];
      for (const each of codes) moved.set(`${limit.key} ${each}`, target);
      for (const each of figures) each();
      command();
    }
    function drag(event) {
      const box = picture.getBoundingClientRect();
      const share = ((event.clientX - box.left) / box.width * WIDTH - PAD) / (WIDTH - 2 * PAD);
      move(nearest(low + share * (high - low)));
    }
    slider.addEventListener('pointerdown', (event) => {
      slider.setPointerCapture(event.pointerId);
      slider.focus();
      drag(event);
    });
    slider.addEventListener('pointermove', (event) => { if (slider.hasPointerCapture(event.pointerId)) drag(event); });
    slider.addEventListener('keydown', (event) => {
      const steps = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10, Home: -Infinity, End: Infinity };
      if (!(event.key in steps)) return;
      event.preventDefault();
      move(place() + steps[event.key]);
    });
    figures.push(show);
    show();
    return h('figure', { class: 'one', 'data-language': code },
      h('figcaption', {}, h('b', {}, language(code)), value), slider,
      h('div', { class: 'under' }, says, h('small', {}, { run: 'limit of the run', recipe: 'limit of the recipe', default: 'default', abstains: 'off: no better than wrong pairs' }[own.origin])));
  }
  let figures = [];

  function shortly(value) { return String(Number(value.toPrecision(4))); }

  function command() {
    const limit = current();
    const own = Object.keys(limit.languages).filter((code) => moved.has(`${limit.key} ${code}`));
    $('set-line').hidden = !own.length;
    if (!own.length) { $('set-code').textContent = ''; return; }
    const edge = (code) => limit.edges[moved.get(`${limit.key} ${code}`)];
    const by = own.reduce((total, code) => total + keptAt(limit, limit.languages[code], moved.get(`${limit.key} ${code}`)) - data.kept[code], 0);
    $('set-sum').textContent = `${by < 0 ? '−' : '+'}${count(Math.abs(by))} variants kept. To see them, and then to apply it without --preview:`;
    const lines = own.map((code) => `--set ${limit.key}.${code}=${edge(code)}`);
    $('set-code').textContent = [`mlc-data check ${data.run} --preview`, ...lines].join(' \\\n  ');
  }

  function redraw() { figures = []; draw(); }
  $('limit').addEventListener('change', redraw);
  $('limit-reset').addEventListener('click', () => {
    for (const code of Object.keys(current().languages)) moved.delete(`${current().key} ${code}`);
    redraw();
  });
  redraw();
})();
