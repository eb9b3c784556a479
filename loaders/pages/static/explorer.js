/* The explorer: each filter moves every figure; all of it is in the address behind #. */
"use strict";
(() => {
  const data = eventmart.data.accidents;
  const {
    $, axisOf, brushed, chosen, classes, count, element, explain, focusOn, monthCells,
    monthRange, number, oneOf, put, save, shade, write, MONTHS,
  } = eventmart.tools;
  const DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
  const [SLUG, NAME, RESIDENTS, AREA, OUTLINE, LABEL_X, LABEL_Y, IS_INSET] = [0, 1, 2, 3, 4, 5, 6, 7];
  const NO_HOUR = 24, NO_PLACE = 255, NO_POINT = 65535, FEW_RESIDENTS = 200, Z = 1.959964;
  const places = data.places;
  const decoded = (text, Type) => new Type(Uint8Array.from(atob(text), (char) => char.charCodeAt(0)).buffer);

  /* The accidents, in order of their days: a month, a cell of the week and a day for each. */
  const hour = decoded(data.hour, Uint8Array), place = decoded(data.place, Uint8Array), flags = decoded(data.flags, Uint8Array);
  const day = new Uint16Array(data.n), month = new Uint16Array(data.n), cell = new Uint8Array(data.n);
  const start = Date.parse(`${data.first}T00:00:00Z`);
  const dateOf = (at) => new Date(start + at * 864e5);
  const firstMonth = dateOf(0).getUTCFullYear() * 12 + dateOf(0).getUTCMonth();
  const daysIn = [];
  data.byDay.reduce((from, n, at) => {
    const date = dateOf(at);
    const inMonth = date.getUTCFullYear() * 12 + date.getUTCMonth() - firstMonth;
    daysIn[inMonth] = (daysIn[inMonth] || 0) + 1;
    const weekday = (date.getUTCDay() + 6) % 7;
    for (let i = from; i < from + n; i++) {
      day[i] = at; month[i] = inMonth; cell[i] = weekday * 25 + hour[i];
    }
    return from + n;
  }, 0);
  const nMonths = daysIn.length;
  const yearOf = (at) => Math.floor((firstMonth + at) / 12), monthOf = (at) => (firstMonth + at) % 12;
  const nameOf = (at) => `${MONTHS[monthOf(at)]} ${yearOf(at)}`;
  const keyOf = (at) => `${yearOf(at)}-${String(monthOf(at) + 1).padStart(2, "0")}`;
  const isWhole = (at) => daysIn[at] === new Date(Date.UTC(yearOf(at), monthOf(at) + 1, 0)).getUTCDate();
  const hourName = (at) => `${String(at).padStart(2, "0")}:00 to ${String(at).padStart(2, "0")}:59`;

  let result;
  const draws = [];
  /* What is chosen. months: [first, last]; week: [first hour, last, first weekday, last]. */
  const NOTHING = () => ({
    kind: "", months: null, week: null, places: new Set(), by: "count", points: false,
    compare: "", sort: "-n",
  });
  const kindOf = (name) => data.kinds.find((kind) => kind[0] === name);
  const MEASURES = [["count", "Count"], ["residents", "Per 1,000 residents a year"], ["area", "Per km² a year"]];
  const SORTS = ["name", "n", "residents", "area", "before", "ratio"];

  const slugs = new Map(places.map((one, at) => [one[SLUG], at]));
  const isRange = (low, high, end) => low >= 0 && low <= high && high < end;
  const isSort = (text) => SORTS.includes(text.replace("-", ""));
  const isMeasure = (text) => MEASURES.some(([name]) => name === text);
  /* What is as it is without being chosen is not in the address. */
  const unless = (usual, [written, read]) => [(one) => one !== usual && written(one), read];
  const { state, set, go, toAddress } = chosen(NOTHING, {
    kind: oneOf(kindOf),
    months: monthRange(daysIn.map((_, at) => keyOf(at))),
    week: [(week) => week && week.join("-"), (text) => {
      const week = text.split("-").map(Number), isWhole_ = week.every(Number.isInteger);
      const isWeek = isRange(week[0], week[1], 24) && isRange(week[2], week[3], 7);
      return week.length === 4 && isWhole_ && isWeek && week;
    }],
    places: [
      (all) => [...all].sort((a, b) => a - b).map((at) => places[at][SLUG]).join(","),
      (text) => new Set(text.split(",").map((s) => slugs.get(s)).filter((at) => at >= 0)),
    ],
    by: unless("count", oneOf(isMeasure)),
    points: [(isOn) => isOn && "1", () => true],
    compare: oneOf((text) => text === "year" || slugs.has(text)),
    sort: unless("-n", oneOf(isSort)),
  }, () => {
    result = counted();
    for (const one of draws) one(result);
    eventmart.explorer.result = result;
  });

  /* Each dimension is counted under the filters of the others. */
  const inWeek = (at) => {
    if (!state.week) return true;
    const [firstHour, lastHour, firstDay, lastDay] = state.week;
    const hourOf = at % 25, dayOf = Math.floor(at / 25);
    return hourOf >= firstHour && hourOf <= lastHour && dayOf >= firstDay && dayOf <= lastDay;
  };
  const counted = () => {
    const bit = state.kind ? kindOf(state.kind)[2] : 0;
    const monthIn = Uint8Array.from(daysIn, (_, at) => +(!state.months || (at >= state.months[0] && at <= state.months[1])));
    const weekIn = Uint8Array.from({ length: 175 }, (_, at) => +inWeek(at));
    const placeIn = Uint8Array.from({ length: 256 }, (_, at) => +(!state.places.size || state.places.has(at)));
    /* The months that a year before can be compared with: whole, and whole a year before. */
    const isPaired = (at) => at >= 12 && isWhole(at) && isWhole(at - 12);
    const pairs = [...daysIn.keys()].filter(
      (at) => monthIn[at] && (state.months || at >= nMonths - 13) && isPaired(at)
    );
    if (!state.months) pairs.splice(0, pairs.length - 12);
    const now = new Uint8Array(nMonths), before = new Uint8Array(nMonths);
    for (const at of pairs) { now[at] = 1; before[at - 12] = 1; }
    const other = slugs.get(state.compare);
    const r = {
      pairs, kept: new Uint32Array(data.n), n: 0, nFatal: 0, nSerious: 0, nNoPlace: 0, nNoHour: 0, nKind: 0, nOther: 0, nNow: 0, nBefore: 0,
      months: new Uint32Array(nMonths), kindMonths: new Uint32Array(nMonths),
      otherMonths: new Uint32Array(nMonths), week: new Uint32Array(175),
      places: new Uint32Array(256), now: new Uint32Array(256), before: new Uint32Array(256),
    };
    for (let i = 0; i < data.n; i++) {
      if (bit && !(flags[i] & bit)) continue;
      const m = month[i], c = cell[i], p = place[i];
      r.nKind++; r.kindMonths[m]++;
      if (weekIn[c]) {
        if (monthIn[m]) r.places[p]++;
        if (now[m]) r.now[p]++;
        if (before[m]) r.before[p]++;
        if (p === other) { r.otherMonths[m]++; if (monthIn[m]) r.nOther++; }
        if (placeIn[p]) {
          r.months[m]++;
          if (now[m]) r.nNow++;
          if (before[m]) r.nBefore++;
        }
      }
      if (monthIn[m] && placeIn[p]) {
        r.week[c]++;
        if (weekIn[c]) {
          r.kept[r.n++] = i;
          if (flags[i] & 1) r.nFatal++;
          if (flags[i] & 2) r.nSerious++;
          if (p === NO_PLACE) r.nNoPlace++;
        }
        if (hour[i] === NO_HOUR) r.nNoHour++;
      }
    }
    r.days = daysIn.reduce((sum, days, at) => sum + days * monthIn[at], 0);
    r.years = r.days / 365.25;
    return r;
  };

  /* 95 % limits of a Poisson count (Byar), and of the ratio of two (Wilson). */
  const byar = (n, side) => n * (1 - 1 / (9 * n) + (side * Z) / (3 * Math.sqrt(n))) ** 3;
  const limits = (n) => [n ? byar(n, -1) : 0, byar(n + 1, 1)];
  const ratio = (a, b) => {
    const n = a + b;
    if (!a || !b) return null;
    const share = a / n, middle = share + (Z * Z) / (2 * n), whole = 1 + (Z * Z) / n;
    const wide = Z * Math.sqrt((share * (1 - share)) / n + (Z * Z) / (4 * n * n));
    const odds = (value) => value / (1 - value);
    return [a / b, odds((middle - wide) / whole), odds((middle + wide) / whole)];
  };
  /* What a measure is divided by, null where too few live there. */
  const unitOf = (by, at, years) => {
    if (by === "area") return places[at][AREA] * years;
    const residents = places[at][RESIDENTS];
    return residents >= FEW_RESIDENTS ? (residents / 1000) * years : null;
  };
  const measured = (by, r) => {
    if (by === "count") return places.map((_, at) => ({ value: r.places[at] }));
    const sum = [0, 0];
    places.forEach((_, at) => {
      const unit = unitOf(by, at, r.years);
      if (unit) { sum[0] += r.places[at]; sum[1] += unit; }
    });
    const mean = sum[0] / sum[1];
    return places.map((_, at) => {
      const unit = unitOf(by, at, r.years);
      if (!unit) return { value: null, isUnsure: true, mean };
      const [low, high] = limits(r.places[at]).map((one) => one / unit);
      return { value: r.places[at] / unit, low, high, mean, isUnsure: low <= mean && mean <= high };
    });
  };

  const drawMonths = () => {
    const svg = $("months"), left = 46, width = 1100, height = 170, top = 22, bottom = top + height, step = (width - left) / nMonths;
    svg.setAttribute("viewBox", `0 0 ${width} ${bottom + 22}`);
    const axis = element("g", { "aria-hidden": "true" }, svg);
    const bars = element("g", { "aria-hidden": "true" }, svg);
    const line = element("path", { class: "before" }, svg);
    const rows = daysIn.map((_, at) => [
      element("rect", { class: "all", x: left + at * step + 0.5, width: Math.max(step - 1, 0.5) }, bars),
      element("rect", { x: left + at * step + 0.5, width: Math.max(step - 1, 0.5) }, bars),
    ]);
    daysIn.forEach((_, at) => {
      const place_ = { x: left + at * step + 2, y: bottom + 15 };
      const isRoom = nMonths - at > 6 && 12 - monthOf(at) > 6;
      if (monthOf(at) === 0) element("text", place_, svg, yearOf(at));
      else if (at === 0) element("text", place_, svg, isRoom ? nameOf(at) : "");
      else if (nMonths <= 48 && monthOf(at) % 3 === 0) element("text", place_, svg, MONTHS[monthOf(at)]);
    });
    element("text", { x: 0, y: 12 }, svg, "accidents a month");
    const frame = element("rect", { class: "frame", y: top, height }, svg);
    const box = { left, top, step, height };
    const cells = monthCells(svg, nMonths, box, state, set, "Accidents by month");
    let lastMark = -9;
    data.breaks.forEach(([date, label], at) => {
      const [year, month_, day_] = date.split("-").map(Number);
      const on = year * 12 + month_ - 1 - firstMonth;
      const x = left + (on + (day_ - 1) / 31) * step;
      element("line", { class: "break", x1: x, x2: x, y1: top - 4, y2: bottom }, svg);
      lastMark = Math.max(x - 4, lastMark + 9);
      element("text", { class: "break-mark", x: lastMark, y: top - 7 }, svg, String.fromCharCode(97 + (at % 26)));
      const item = element("li", {}, $("breaks"));
      element("b", {}, item, `${String.fromCharCode(97 + (at % 26))} `);
      item.append(`Change of coding, not of the streets: ${label}.`);
    });
    draws.push((r) => {
      const line_ = state.compare === "year" ? r.months.map((_, at) => (at >= 12 ? r.months[at - 12] : 0)) : null;
      const sums = [r.otherMonths, r.months].map((one) => one.reduce((sum, n) => sum + n, 0));
      const scaled = line_ || (state.compare ? Array.from(r.otherMonths, (n) => (sums[0] ? (n * sums[1]) / sums[0] : 0)) : null);
      /* If a place or hours are chosen, all of the city would flatten the bars. */
      const isPart = state.places.size || state.week, behind = isPart ? r.months : r.kindMonths;
      const top_ = Math.max(...behind, ...(scaled || [0]));
      const y = axisOf(axis, top_, left, width, bottom, height);
      rows.forEach(([all, bar], at) => {
        const isIn = !state.months || (at >= state.months[0] && at <= state.months[1]);
        put(all, "y", y(behind[at])); put(all, "height", bottom - y(behind[at]));
        put(bar, "y", y(r.months[at])); put(bar, "height", bottom - y(r.months[at]));
        put(bar, "class", `now${isIn ? "" : " out"}${isWhole(at) ? "" : " part"}`);
        const words = `${nameOf(at)}: ${count(r.months[at])} accidents${isWhole(at) ? "" : ", of a part of the month"}`;
        put(cells[at], "aria-label", words);
        put(cells[at], "aria-pressed", String(Boolean(state.months) && isIn));
      });
      const from = line_ ? 12 : 0;
      const points_ = scaled ? [...scaled].slice(from) : [];
      const at_ = (n, at) => `${left + (from + at + 0.5) * step} ${y(n)}`;
      line.setAttribute("d", points_.length ? `M${points_.map(at_).join("L")}` : "");
      const named = slugs.has(state.compare) && places[slugs.get(state.compare)][NAME];
      $("line-note").textContent = line_ ? "Line: a year before."
        : named ? `Line: ${named}, scaled to the same sum.` : "";
      frame.style.display = state.months ? "" : "none";
      if (state.months) {
        frame.setAttribute("x", left + state.months[0] * step);
        frame.setAttribute("width", (state.months[1] - state.months[0] + 1) * step);
      }
    });
  };

  const drawHours = () => {
    const svg = $("hours"), left = 92, width = 1100, row = 26, top = 6, step = (width - left) / 24;
    svg.setAttribute("viewBox", `0 0 ${width} ${top + 7 * row + 20}`);
    const within = (at, n) => Math.max(0, Math.min(n - 1, Math.floor(at)));
    const cellAt = (x, y) => [within((x - left) / step, 24), within((y - top) / row, 7)];
    const cells = brushed(svg, 24, 7, cellAt,
      () => state.week, (week) => set({ week }), "Accidents by weekday and hour");
    DAYS.forEach((name, at) => {
      element("text", { x: left - 8, y: top + at * row + 17, "text-anchor": "end" }, svg, name);
      for (let h = 0; h < 24; h++) {
        cells.push(element("rect", {
          x: left + h * step + 1, y: top + at * row + 1, width: step - 2, height: row - 2,
          rx: 2, role: "button", tabindex: at || h ? -1 : 0, "data-cell": `${h},${at}`,
        }, svg));
      }
    });
    for (let h = 0; h < 24; h += 3) {
      const place_ = { x: left + h * step + 2, y: top + 7 * row + 15 };
      element("text", place_, svg, `${String(h).padStart(2, "0")}:00`);
    }
    const frame = element("rect", { class: "frame" }, svg);
    draws.push((r) => {
      const shown = cells.map((_, at) => r.week[Math.floor(at / 24) * 25 + (at % 24)]), limits_ = classes(shown);
      shown.forEach((n, at) => {
        const weekday = Math.floor(at / 24), isIn = inWeek(weekday * 25 + (at % 24));
        const words = `${DAYS[weekday]}, ${hourName(at % 24)}: ${count(n)} accidents`;
        put(cells[at], "class", isIn ? "cell" : "cell off");
        cells[at].style.fill = shade(n, limits_);
        put(cells[at], "aria-label", words);
        put(cells[at], "aria-pressed", String(Boolean(state.week) && isIn));
      });
      frame.style.display = state.week ? "" : "none";
      if (state.week) {
        const [firstHour, lastHour, firstDay, lastDay] = state.week;
        frame.setAttribute("x", left + firstHour * step);
        frame.setAttribute("width", (lastHour - firstHour + 1) * step);
        frame.setAttribute("y", top + firstDay * row);
        frame.setAttribute("height", (lastDay - firstDay + 1) * row);
      }
      explain($("hours-legend"), limits_, shown, "accidents an hour of the week");
      $("hours-note").textContent = r.nNoHour ? `${count(r.nNoHour)} have a date without an hour and are not here.` : "";
    });
  };

  const maps = [];
  const paths = [];
  const drawMap = () => {
    if (!$("map")) return;
    const hatches = [], frames = [];
    [["map", data.box, false], ["inset", data.insetBox, true]].forEach(([id, box, isInset]) => {
      const svg = $(id);
      if (!box) { svg.closest(isInset ? "figure" : ".map").style.display = "none"; return; }
      svg.setAttribute("viewBox", box.join(" "));
      maps.push([svg, svg.nextElementSibling, box]);
      const pattern = element("pattern", {
        id: `hatch-${id}`, width: 60, height: 60, patternUnits: "userSpaceOnUse",
        patternTransform: "rotate(45)",
      }, element("defs", {}, svg));
      element("line", { class: "stripe", x1: 0, x2: 0, y1: 0, y2: 60 }, pattern);
      places.forEach((one, at) => {
        if (one[IS_INSET] === isInset) paths[at] = element("path", { d: one[OUTLINE], role: "button", tabindex: -1, "data-at": at }, svg);
      });
      const over = element("g", { "aria-hidden": "true" }, svg);
      places.forEach((one, at) => {
        if (one[IS_INSET] !== isInset) return;
        hatches[at] = element("path", { d: one[OUTLINE], class: "hatched", fill: `url(#hatch-${id})` }, over);
        frames[at] = element("path", { d: one[OUTLINE], class: "outline" }, over);
      });
      svg.addEventListener("click", (event) => { if (event.target.dataset.at) toggle(Number(event.target.dataset.at)); });
      svg.addEventListener("keydown", walk);
    });
    const first = paths.find(Boolean);
    if (first) first.setAttribute("tabindex", 0);
    draws.push((r) => {
      const by = measured(state.by, r), values = by.map((one) => one.value), from = classes(values.filter((one) => one !== null));
      const unit = state.by === "count" ? "accidents" : MEASURES.find(([name]) => name === state.by)[1].toLowerCase();
      for (const [svg] of maps) svg.classList.toggle("plain", state.points);
      paths.forEach((path, at) => {
        const one = by[at], isOff = state.places.size && !state.places.has(at);
        path.style.fill = state.points || one.value === null ? "var(--heat-0)" : shade(one.value, from);
        const limited = () => `${number(one.value)} ${unit} (${number(one.low)} to ${number(one.high)})`;
        const rate = state.by === "count" ? ""
          : one.value === null ? ", too few residents for a rate" : `, ${limited()}`;
        put(path, "aria-label", `${places[at][NAME]}: ${count(r.places[at])} accidents${rate}`);
        put(path, "aria-pressed", String(state.places.has(at)));
        path.style.opacity = isOff ? 0.55 : 1;
        hatches[at].style.display = one.isUnsure && !state.points ? "" : "none";
        frames[at].style.display = state.places.has(at) || places[at][SLUG] === state.compare ? "" : "none";
      });
      const add = explain($("legend"), state.points ? [] : from, state.points ? [] : values, state.points ? "" : unit);
      if (state.points) add("dot", "", "an accident");
      const few = state.by === "area" ? "" : `, or under ${FEW_RESIDENTS} residents`;
      const isHatched = !state.points && by.some((one) => one.isUnsure);
      if (isHatched) add("hatch", "", `not clearly above or below the city's mean${few}`);
      const mean = by[0] && by[0].mean;
      let note = Number.isFinite(mean) ? `The city's mean: ${number(mean)} ${unit}. Residents of 2010.` : "";
      if (state.by === "count") note = "Busy streets and large areas have many accidents: a count is no risk.";
      if (state.points) note = `${count(data.withoutPoint)} of ${count(data.n)} accidents have no usable point.`;
      $("map-note").textContent = note;
      drawPoints(r);
    });
  };
  /* To the nearest label in the direction of the key. */
  const walk = (event) => {
    const at = Number(event.target.dataset.at);
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (event.key === " " || event.key === "Enter") toggle(at);
    else if (event.key === "Escape") set({ places: new Set() });
    else if (step) {
      let best = null, least = Infinity;
      places.forEach((one, to) => {
        const x = one[LABEL_X] - places[at][LABEL_X], y = one[LABEL_Y] - places[at][LABEL_Y];
        const along = x * step[0] + y * step[1], aside = Math.abs(x * step[1] + y * step[0]);
        const far = along + 2 * aside, isThere = along > 0 && along >= aside * 0.6;
        if (paths[to] && to !== at && isThere && far < least) { best = to; least = far; }
      });
      if (best !== null) focusOn(paths, paths[best]);
    } else return;
    event.preventDefault();
  };
  const toggle = (at) => {
    const chosen = new Set(state.places);
    if (!chosen.delete(at)) chosen.add(at);
    set({ places: chosen });
  };
  let points = null;
  const drawPoints = (r) => {
    if (state.points && !points) {
      const held = eventmart.data.accident_points, isAsked = "script[src$='accident_points.js']";
      if (held) points = [decoded(held.x, Uint16Array), decoded(held.y, Uint16Array)];
      else if (!document.querySelector(isAsked)) {
        const script = element("script", { src: "data/accident_points.js" }, document.head);
        script.onload = () => set({});
      }
    }
    for (const [, canvas, [west, north, width, height]] of maps) {
      const wide = state.points ? Math.round(canvas.clientWidth * Math.min(devicePixelRatio || 1, 2)) : 0;
      canvas.width = wide; canvas.height = Math.round((wide * height) / width);
      if (!wide || !points) continue;
      const pen = canvas.getContext("2d"), scale = wide / width, size = Math.max(1.5, Math.min(5, wide / 300));
      pen.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--mark-2");
      pen.globalAlpha = Math.max(0.12, Math.min(0.8, 4000 / Math.max(r.n, 1)));
      for (let k = 0; k < r.n; k++) {
        const x = points[0][r.kept[k]], y = points[1][r.kept[k]];
        if (x === NO_POINT || x < west || x > west + width) continue;
        pen.fillRect((x - west) * scale - size / 2, (y - north) * scale - size / 2, size, size);
      }
    }
  };

  const drawTable = () => {
    const table = $("places"), head = element("tr", {}, table.tHead);
    const titles = [
      ["name", "Neighborhood"], ["n", "Accidents"],
      ["residents", "Per 1,000 residents a year"], ["area", "Per km² a year"],
      ["before", "Year before"], ["ratio", "Times as many"],
    ];
    const headers = titles.map(([name, title]) => {
      const header = element("th", { scope: "col", class: name === "name" ? "" : "n" }, head);
      element("button", { type: "button" }, header, title).addEventListener("click", (event) => {
        event.stopPropagation();
        set({ sort: state.sort === `-${name}` || (state.sort !== name && name === "name") ? name : `-${name}` });
      });
      return header;
    });
    const lines = places.map((one, at) => {
      const line = element("tr", {}), name = element("button", { type: "button" }, element("th", { scope: "row" }, line), one[NAME]);
      name.addEventListener("click", () => toggle(at));
      const cells = titles.slice(1).map(() => {
        const cell_ = element("td", { class: "n" }, line);
        return { cell: cell_, value: element("span", {}, cell_), limits: element("small", {}, cell_) };
      });
      return [line, name, cells];
    });
    draws.push((r) => {
      const residents = measured("residents", r), area = measured("area", r), isYear = state.compare === "year";
      const sorted = places.map((one, at) => ({
        at, name: one[NAME], n: r.places[at], residents: residents[at].value,
        area: area[at].value, before: r.before[at],
        ratio: (ratio(r.now[at], r.before[at]) || [null])[0],
      }));
      const by = state.sort.replace("-", ""), sign = state.sort[0] === "-" ? -1 : 1, rank = (value) => (value === null ? -Infinity : value);
      sorted.sort((a, b) => sign * (by === "name" ? a.name.localeCompare(b.name, "en") : rank(a[by]) - rank(b[by]) || 0) || a.at - b.at);
      headers.forEach((header, at) => {
        header.hidden = isYear ? at === 3 : at > 3;
        if (titles[at][0] !== by) header.removeAttribute("aria-sort");
        else header.setAttribute("aria-sort", sign < 0 ? "descending" : "ascending");
      });
      const fill = (one, text, low, high) => { write(one.value, text); write(one.limits, low === undefined ? "" : ` ${low} to ${high}`); };
      for (const { at } of sorted) {
        const [, name, tds] = lines[at], change = ratio(r.now[at], r.before[at]);
        put(name, "aria-pressed", String(state.places.has(at)));
        fill(tds[0], count(r.places[at]));
        [residents[at], area[at]].forEach((one, k) => {
          if (one.value === null) fill(tds[k + 1], "–");
          else fill(tds[k + 1], number(one.value), number(one.low), number(one.high));
        });
        fill(tds[3], count(r.before[at])); tds[3].cell.hidden = tds[4].cell.hidden = !isYear; tds[2].cell.hidden = isYear;
        change ? fill(tds[4], change[0].toFixed(2), change[1].toFixed(2), change[2].toFixed(2)) : fill(tds[4], "–");
      }
      const body = table.tBodies[0];
      if (sorted.some(({ at }, k) => body.rows[k] !== lines[at][0])) body.append(...sorted.map(({ at }) => lines[at][0]));
      eventmart.explorer.table = sorted;
    });
  };

  const drawWords = () => {
    const kinds = [["", "All"], ...data.kinds].map(([name, words]) => {
      const button = element("button", { type: "button" }, $("kinds"), words);
      button.addEventListener("click", () => set({ kind: name }));
      return [name, button];
    });
    const measures = MEASURES.map(([name, words]) => {
      const button = element("button", { type: "button" }, $("measures"), words);
      button.addEventListener("click", () => set({ by: name, points: false }));
      return [name, button];
    });
    for (const one of places) element("option", { value: one[SLUG] }, $("compare"), one[NAME]);
    $("compare").addEventListener("change", () => set({ compare: $("compare").value }));
    $("points").addEventListener("click", () => set({ points: !state.points }));
    $("reset").addEventListener("click", () => set(NOTHING()));
    $("csv-places").addEventListener("click", () => {
      const isYear = state.compare === "year";
      const head = ["neighborhood", "accidents", "per_1000_residents_a_year", "per_km2_a_year"];
      if (isYear) head.push("accidents_in_compared_months", "accidents_a_year_before");
      const lines = eventmart.explorer.table.map((row) => [
        row.name, row.n, row.residents, row.area,
        ...(isYear ? [result.now[row.at], row.before] : []),
      ]);
      save("neighborhoods.csv", [head, ...lines]);
    });
    $("csv-events").addEventListener("click", () => {
      const head = ["date", "hour", "neighborhood", ...data.kinds.map(([name]) => name)];
      const lines = Array.from(result.kept.subarray(0, result.n), (i) => [
        dateOf(day[i]).toISOString().slice(0, 10),
        hour[i] === NO_HOUR ? "" : hour[i],
        place[i] === NO_PLACE ? "Unknown" : places[place[i]][NAME],
        ...data.kinds.map(([, , bit]) => (flags[i] & bit ? 1 : 0)),
      ]);
      save("accidents.csv", [head, ...lines]);
    });
    draws.push((r) => {
      kinds.forEach(([name, button]) => button.setAttribute("aria-pressed", String(state.kind === name)));
      measures.forEach(([name, button]) => button.setAttribute("aria-pressed", String(state.by === name && !state.points)));
      $("points").setAttribute("aria-pressed", String(state.points));
      $("compare").value = state.compare;
      $("chosen").replaceChildren();
      const span = (first, last) => (first === last ? first : `${first} to ${last}`);
      const chip = (words, change) => {
        const button = element("button", { type: "button" }, $("chosen"), words);
        button.addEventListener("click", () => set(change));
      };
      if (state.kind) chip(kindOf(state.kind)[1], { kind: "" });
      if (state.months) chip(span(...state.months.map(nameOf)), { months: null });
      if (state.week) {
        const [firstHour, lastHour, ...days] = state.week;
        const hours = `${hourName(firstHour).slice(0, 5)} to ${hourName(lastHour).slice(-5)}`;
        chip(`${span(...days.map((at) => DAYS[at]))}, ${hours}`, { week: null });
      }
      for (const at of state.places) chip(places[at][NAME], { places: new Set([...state.places].filter((one) => one !== at)) });
      const parts = [`${count(r.n)} of ${count(data.n)} accidents`, `${count(r.nNoPlace)} of them have no neighborhood`];
      if (state.week && r.nNoHour) parts.push(`${count(r.nNoHour)} more have no hour`);
      if (state.kind && kindOf(state.kind)[3] < data.n) parts.push(`the kind is known of ${count(kindOf(state.kind)[3])}`);
      if (data.unknownKinds.length) parts.push(`the file does not say: ${data.unknownKinds.join(", ").toLowerCase()}`);
      if (data.others.length) {
        const others = data.others.map((one) => one[0]).join(", ");
        parts.push(`vintage ${data.vintage} alone, since others (${others}) describe some years again`);
      }
      $("shown").textContent = `${parts.join("; ")}.`;
      const tiles = [
        ["Accidents", count(r.n), ""],
        ["A day", number(r.n / r.days || 0), `in ${count(r.days)} days`],
        ["Seriously injured", count(r.nSerious), "accidents"],
        ["Somebody died", count(r.nFatal), "accidents"],
      ];
      if (state.compare === "year") {
        const change = ratio(r.nNow, r.nBefore), { pairs } = r;
        const fixed = change && change.map((one) => one.toFixed(2));
        const times = change ? `${fixed[0]} times` : "–";
        const within = change ? `; 95 % limits ${fixed[1]} to ${fixed[2]}` : "";
        const months = pairs.length && `${nameOf(pairs[0])} to ${nameOf(pairs[pairs.length - 1])}`;
        const sums = `${count(r.nNow)} after ${count(r.nBefore)}`;
        const note = months ? `${months}, whole months: ${sums}${within}` : "no whole months to compare";
        tiles.push(["Against a year before", times, note]);
      } else if (state.compare) {
        const one = places[slugs.get(state.compare)];
        const rate = (r.nOther * 1000) / one[RESIDENTS] / r.years;
        const isRate = one[RESIDENTS] >= FEW_RESIDENTS;
        const note = isRate ? `${number(rate)} per 1,000 residents a year` : "too few residents for a rate";
        tiles.push([one[NAME], count(r.nOther), note]);
      }
      $("tiles").replaceChildren();
      for (const [label, value, note] of tiles) {
        const item = element("li", {}, $("tiles"));
        element("span", { class: "label" }, item, label);
        element("span", { class: "value" }, item, value);
        element("span", { class: "note" }, item, note);
      }
    });
  };
  eventmart.explorer = { state, set, result: null, toAddress, go };
  drawWords(); drawMap(); drawTable(); drawMonths(); drawHours();
  addEventListener("themechange", () => drawPoints(result));
  addEventListener("resize", () => state.points && drawPoints(result));
  go(location.hash.slice(1));
})();
