"use strict";
/*
 * The report's page. The data are in an element of the page (data.h); the table is there already, and gets what needs a
 * script: details, order, filters; before it come the timeline and the graph. Text only ever becomes text nodes, never HTML.
 */
(function () {
const data = JSON.parse(document.getElementById("data").textContent);
const run = data.run, books = data.notebooks;
const goesOn = run.phase === "goes on";
const now = goesOn ? data.made - run.started : run.ended !== null ? run.ended : run.last;
const end = Math.max(1, now, run.last || 0);
const STATES = ["failed", "timed_out", "cancelled", "killed", "skipped", "running", "waiting", "succeeded"];
const MARKS = {succeeded: "\u2713", failed: "\u2715", timed_out: "\u25f7", cancelled: "\u25a0", killed: "\u25a0", skipped: "\u2013", running: "\u25b6", waiting: "\u00b7"};

books.forEach((b, i) => {
	b.index = i;
	b.word = b.state === "done" ? b.status : b.state === "running" && run.phase === "torn off" ? "killed" : b.state;
	b.last = b.attempts[b.attempts.length - 1] || null;
});

/* ---- Building ---- */

/* Controls become pictures and bidirectional controls their numbers: what is read is what is there. */
function clean(text) {
	return String(text).replace(/\r\n?/g, "\n").replace(/[\x00-\x08\x0b-\x1f\x7f]/g, c => String.fromCharCode(c === "\x7f" ? 0x2421 : 0x2400 + c.charCodeAt(0)))
		.replace(/[\x80-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
		c => "[U+" + c.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0") + "]");
}

function fill(node, attributes, children) {
	for (const key in attributes) {
		if (key.startsWith("on"))
			node.addEventListener(key.slice(2), attributes[key]);
		else if (attributes[key] !== null && attributes[key] !== false)
			node.setAttribute(key, attributes[key] === true ? "" : attributes[key]);
	}
	for (const child of children.flat(Infinity)) {
		if (child !== null && child !== undefined && child !== "")
			node.append(child instanceof Node ? child : clean(child));
	}
	return node;
}

const el = (tag, attributes, ...children) => fill(document.createElement(tag), attributes || {}, children);
const svg = (tag, attributes, ...children) => fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes || {}, children);

/* A link of data.h is one within the run folder; one to a workspace must be one. */
const link = (href, text) => href ? el("a", {href: href}, text) : null;
const away = (url, text) => url && /^https?:\/\//i.test(url) ? el("a", {href: url, rel: "noreferrer"}, text) : null;

/* ANSI escape sequences: colours become spans, all others are left out. */
function terminal(text) {
	const out = document.createDocumentFragment();
	const pattern = /\x1b\[([0-9;:]*)m|\x1b\[[0-?]*[ -/]*[@-~]?|\x1b[\]P^_][^\x07\x1b\n]*(?:\x07|\x1b\\)?|\x1b[ -~]?/g;
	let look = {}, at = 0, match;
	const rgb = n => {
		if (n < 16)
			return n;
		if (n > 231)
			return `rgb(${8 + 10 * (n - 232)},${8 + 10 * (n - 232)},${8 + 10 * (n - 232)})`;
		const steps = [0, 95, 135, 175, 215, 255];
		n -= 16;
		return `rgb(${steps[Math.floor(n / 36)]},${steps[Math.floor(n / 6) % 6]},${steps[n % 6]})`;
	};
	const brightness = colour => {
		const [r, g, b] = colour.match(/\d+/g).map(Number);
		return 0.299 * r + 0.587 * g + 0.114 * b;
	};
	const put = piece => {
		if (piece === "")
			return;
		const classes = [["bold", "ab"], ["faint", "af"], ["italic", "ai"], ["underlined", "au"], ["struck", "as"], ["inverse", "av"]]
			.filter(p => look[p[0]]).map(p => p[1]);
		if (classes.length === 0 && look.colour === undefined && look.ground === undefined) {
			out.append(clean(piece));
			return;
		}
		const span = el("span", {}, piece);
		/* As in text.c: a colour without a ground suits the page, and one on a ground of its own stays as it is. */
		if (typeof look.colour === "string" && typeof look.ground !== "string") {
			const light = brightness(look.colour);
			classes.push("ac", light < 110 ? "ad" : light > 160 ? "al" : "ac");
			span.style.setProperty("--f", look.colour);
		} else if (look.colour === undefined && typeof look.ground === "string") {
			span.style.color = brightness(look.ground) < 128 ? "#fff" : "#000";
		}
		for (const [key, letter, property] of [["colour", "a", "color"], ["ground", "b", "background"]]) {
			if (typeof look[key] === "number")
				classes.push(letter + look[key]);
			else if (look[key] !== undefined && (key === "ground" || !classes.includes("ac")))
				span.style[property] = look[key];
		}
		span.className = classes.join(" ");
		out.append(span);
	};
	const extended = (numbers, i, key) => {
		if (numbers[i + 1] === 5) {
			look[key] = rgb(Math.min(255, numbers[i + 2] || 0));
			return 2;
		}
		if (numbers[i + 1] === 2) {
			look[key] = `rgb(${numbers.slice(i + 2, i + 5).map(n => n & 255).join(",")})`;
			return 4;
		}
		return numbers.length;
	};
	while ((match = pattern.exec(text)) !== null) {
		put(text.slice(at, match.index));
		at = pattern.lastIndex;
		if (match[1] === undefined)
			continue;
		const numbers = match[1].split(/[;:]/).map(Number);
		for (let i = 0; i < numbers.length; i++) {
			const n = numbers[i];
			if (n === 0) look = {};
			else if (n === 1) look.bold = true;
			else if (n === 2) look.faint = true;
			else if (n === 3) look.italic = true;
			else if (n === 4) look.underlined = true;
			else if (n === 7) look.inverse = true;
			else if (n === 9) look.struck = true;
			else if (n === 22) look.bold = look.faint = false;
			else if (n === 23) look.italic = false;
			else if (n === 24) look.underlined = false;
			else if (n === 27) look.inverse = false;
			else if (n === 29) look.struck = false;
			else if (n >= 30 && n <= 37) look.colour = n - 30;
			else if (n === 38) i += extended(numbers, i, "colour");
			else if (n === 39) delete look.colour;
			else if (n >= 40 && n <= 47) look.ground = n - 40;
			else if (n === 48) i += extended(numbers, i, "ground");
			else if (n === 49) delete look.ground;
			else if (n >= 90 && n <= 97) look.colour = n - 82;
			else if (n >= 100 && n <= 107) look.ground = n - 92;
		}
	}
	put(text.slice(at));
	return out;
}

/* ---- Words ---- */

function time(ms) {
	if (ms === null || ms === undefined || isNaN(ms))
		return "";
	if (ms < 1000)
		return Math.round(ms) + " ms";
	if (ms < 60000)
		return (ms / 1000).toFixed(ms < 10000 ? 2 : 1) + " s";
	if (ms < 3600000)
		return Math.floor(ms / 60000) + " min " + String(Math.floor(ms / 1000) % 60).padStart(2, "0") + " s";
	return Math.floor(ms / 3600000) + " h " + String(Math.floor(ms / 60000) % 60).padStart(2, "0") + " min";
}

function bytes(n) {
	const units = ["B", "KiB", "MiB", "GiB", "TiB"];
	let u = 0;

	if (n === null || n === undefined)
		return "";
	for (; n >= 1024 && u < 4; u++)
		n /= 1024;
	return (n < 10 && u > 0 ? n.toFixed(1) : Math.round(n)) + " " + units[u];
}

const clock = ms => new Date(run.started + ms).toLocaleString();
const word = state => state.replace("_", " ");
const badge = state => el("span", {class: "badge " + state}, el("span", {"aria-hidden": "true"}, MARKS[state] || ""), " " + word(state));
const short = text => text.length > 300 ? text.slice(0, 300) + "\u2026" : text;
const count = (n, what) => n + " " + what + (n === 1 ? "" : "s");
const stopped = a => a.ended !== null ? a.ended : now;
const came = (b, a) => a.status || (b.state === "running" && a === b.last ? b.word : "killed");
const freed = a => a.departed !== null ? a.departed : stopped(a);

function happened(b) {
	if (b.error)
		return short((b.error.name ? b.error.name + ": " : "") + (b.error.message || "").split("\n")[0]);
	if (b.kept_from)
		return "in an earlier run";
	if (b.state === "running" && b.last && b.last.cells.length > 0)
		return "at cell " + b.last.cells.length / 4 + (b.last.total ? " of " + b.last.total : "");
	return "";
}

/* ---- What is shown is kept in the address, so that a reload shows it again ---- */

/* But not which notebooks of the graph were chosen: books. */
const shown = {books: null, text: "", states: new Set(), sort: "", mode: "notebooks", open: new Set(), auto: false};

function load() {
	const q = new URLSearchParams(location.hash.slice(1));

	shown.books = null;
	shown.text = q.get("find") || "";
	shown.states = new Set((q.get("states") || "").split(",").filter(s => STATES.includes(s)));
	shown.sort = q.get("sort") || "";
	shown.mode = q.get("rows") === "slots" ? "slots" : "notebooks";
	shown.open = new Set(q.getAll("open"));
	shown.auto = q.get("auto") === "1";
}

function save() {
	const q = new URLSearchParams();

	if (shown.text) q.set("find", shown.text);
	if (shown.states.size) q.set("states", [...shown.states].join(","));
	if (shown.sort) q.set("sort", shown.sort);
	if (shown.mode !== "notebooks") q.set("rows", shown.mode);
	if (shown.auto) q.set("auto", "1");
	[...shown.open].slice(0, 20).forEach(name => q.append("open", name));
	try {
		history.replaceState(null, "", "#" + q);
	} catch (e) {
		location.hash = q;
	}
}

/* ---- The critical path: what the end of the run had waited for ---- */

/*
 * From the attempt that ended last back to the start: before an attempt came the one that failed before it; or, where it
 * had waited for a place, what gave its place away then; or the last of those that it depends on.
 */
function criticalPath() {
	const all = [];
	const path = [];
	const seen = new Set();

	books.filter(b => b.parent === null).forEach(b => b.attempts.forEach((a, i) => {
		if (a.started !== null)
			all.push({b: b, a: a, i: i});
	}));
	const byFreed = all.slice().sort((x, y) => freed(x.a) - freed(y.a));
	/* The last of those that had gone by then; of a list in that order. */
	const latest = (list, most) => {
		let low = 0, high = list.length;

		while (low < high) {
			const middle = (low + high) >> 1;
			if (freed(list[middle].a) <= most)
				low = middle + 1;
			else
				high = middle;
		}
		while (low > 0 && seen.has(list[low - 1].a))
			low--;
		return low > 0 ? list[low - 1] : null;
	};
	let x = all.reduce((best, y) => best === null || stopped(y.a) > stopped(best.a) ? y : best, null);
	while (x !== null) {
		seen.add(x.a);
		path.unshift(x);
		const queued = x.a.queued !== null ? x.a.queued : x.a.started;
		let before = null;
		if (x.i > 0) {
			before = {b: x.b, a: x.b.attempts[x.i - 1], i: x.i - 1};
		} else {
			if (x.a.started - queued > 20)
				before = latest(byFreed, x.a.started + 5);
			if (before === null)
				before = latest(x.b.depends_on.map(d => books[d]).filter(d => d.last && d.last.started !== null)
					.map(d => ({b: d, a: d.last, i: d.attempts.length - 1})).sort((y, z) => freed(y.a) - freed(z.a)), x.a.started + 5);
		}
		x = before !== null && !seen.has(before.a) ? before : null;
	}
	return path;
}

const critical = criticalPath();
const onPath = new Set(critical.map(x => x.a));

/* ---- The head ---- */

const main = document.getElementById("main"), header = document.getElementById("header");

function countStates(list) {
	const counts = {};

	list.forEach(b => counts[b.word] = (counts[b.word] || 0) + 1);
	return counts;
}

function buildHead() {
	const own = books.filter(b => b.parent === null), counts = countStates(own), verdict = document.getElementById("verdict");
	const line = document.getElementById("counts");
	const state = run.phase === "over" ? run.status : goesOn ? "running" : "failed";
	const told = ["succeeded", "failed", "timed_out", "cancelled", "killed", "skipped", "running", "waiting"].filter(s => counts[s]);
	const facts = [];

	verdict.className = "verdict " + state;
	verdict.replaceChildren(el("span", {"aria-hidden": "true"}, MARKS[state]), " ", run.phase === "torn off" ? "killed: nbfork has not come to its end" : word(state));
	document.title = (run.workflow || "run") + ": " + (run.phase === "torn off" ? "killed" : word(state));
	facts.push(count(own.length, "notebook") + (told.length > 0 ? ": " + told.map(s => counts[s] + " " + word(s)).join(", ") : "") + (books.length > own.length ? "; and " + (books.length - own.length) + " that they ran" : ""));
	facts.push("started " + clock(0));
	facts.push((goesOn ? "so far " : run.phase === "over" ? "took " : "killed after ") + time(now));
	if (run.processes.length > 0)
		facts.push(run.processes[run.processes.length - 1][1] + " at a time");
	facts.push("on " + run.target);
	if (run.on_error)
		facts.push("on error: " + run.on_error);
	const cpu = books.reduce((sum, b) => sum + (b.cpu || 0), 0);
	if (cpu > 0)
		facts.push("CPU " + time(cpu * 1000));
	line.replaceChildren(...facts.flatMap((f, i) => i ? [" \u00b7 ", clean(f)] : [clean(f)]));
	header.append(el("div", {class: "bar", "aria-hidden": "true"},
		told.map(s => {
			const part = el("span", {class: "fill " + s, title: counts[s] + " " + word(s)});
			part.style.flexGrow = counts[s];
			return part;
		})));
	header.append(el("p", {class: "faint"}, "run ", el("code", {}, run.id), " in ", el("code", {}, run.folder),
		run.resumed_from ? [", continues ", el("code", {}, run.resumed_from)] : null,
		run.results ? [" \u00b7 ", link(run.results, "results.json")] : null));
	if (run.stop_reason)
		header.append(el("p", {class: "note"}, "Stopped after " + time(run.stopping) + ": " + run.stop_reason));
	if (goesOn)
		header.append(el("p", {class: "note"}, "The run goes on; this is how far it had come at " + new Date(data.made).toLocaleTimeString() + ". ",
			el("button", {type: "button", onclick: () => location.reload()}, "Reload"), " ",
			el("label", {}, el("input", {type: "checkbox", id: "auto", onchange: e => { shown.auto = e.target.checked; save(); later(); }}),
			" every 5 seconds")));
}

let timer = 0;
function later() {
	clearTimeout(timer);
	if (goesOn && shown.auto)
		timer = setTimeout(() => location.reload(), 5000);
}

function buildFailures() {
	const bad = books.filter(b => ["failed", "timed_out", "cancelled"].includes(b.word));

	if (bad.length === 0)
		return;
	main.insertBefore(el("section", {"aria-labelledby": "failures-title", id: "failures"},
		el("h2", {id: "failures-title"}, "What went wrong"),
		el("ul", {}, bad.slice(0, 12).map(b => el("li", {}, badge(b.word), " ",
			el("button", {type: "button", class: "plain", onclick: () => reveal(b)}, b.name), " ",
			el("span", {class: "reason"}, happened(b)), b.allow_failure ? el("span", {class: "faint"}, " (allowed)") : null))),
		bad.length > 12 ? el("p", {}, el("button", {type: "button", class: "plain", onclick: () => { shown.text = ""; shown.books = null; shown.states = new Set(["failed", "timed_out", "cancelled"]); filter(); document.getElementById("notebooks").scrollIntoView(); }},
			"and " + (bad.length - 12) + " more")) : null), document.getElementById("notebooks"));
}

/* ---- The timeline ---- */

const ROW = 20, AXIS = 26;
const line = {t0: 0, t1: end * 1.01, cursor: -1, rows: []};

function rowsOfNotebooks() {
	return books.filter(b => visible(b) && (b.attempts.length > 0 || b.state === "waiting"))
		.map(b => ({label: "\u00a0\u00a0".repeat(b.depth) + b.name, book: b, bars: b.attempts.map(a => ({b: b, a: a}))}));
}

function rowsOfSlots() {
	const rows = [];

	books.forEach(b => b.attempts.forEach(a => {
		if (a.slot >= 0 && visible(b))
			(rows[a.slot] = rows[a.slot] || []).push({b: b, a: a});
	}));
	return rows.map((bars, i) => ({label: "place " + (i + 1), book: null, bars: bars.sort((x, y) => x.a.started - y.a.started)})).filter(r => r);
}

function step(scale) {
	const steps = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 15e3, 3e4, 6e4, 12e4, 3e5, 6e5, 9e5, 18e5, 36e5, 72e5, 216e5, 864e5];

	return steps.find(s => s * scale >= 90) || 864e5;
}

function tick(t, by) {
	const s = t / 1000;

	if (by < 1000)
		return s.toFixed(by < 10 ? 3 : by < 100 ? 2 : 1) + " s";
	if (s < 60)
		return s + " s";
	return (s >= 3600 ? Math.floor(s / 3600) + ":" + String(Math.floor(s / 60) % 60).padStart(2, "0") : Math.floor(s / 60)) + ":" + String(s % 60).padStart(2, "0");
}

function describe(x) {
	const parts = [x.b.name + (x.b.attempts.length > 1 ? ", attempt " + x.a.number : "") + ": " + word(came(x.b, x.a))];

	parts.push(time(stopped(x.a) - x.a.started) + " from " + time(x.a.started));
	if (x.a.queued !== null && x.a.started - x.a.queued >= 1)
		parts.push("queued " + time(x.a.started - x.a.queued));
	if (x.a.ready !== null)
		parts.push("kernel " + (x.a.warm ? "warm, " : "cold, ") + time(x.a.ready - x.a.started));
	if (onPath.has(x.a))
		parts.push("on the critical path");
	return parts.join(" \u00b7 ");
}

function buildTimeline() {
	if (!books.some(b => b.attempts.length > 0))
		return;
	const button = (text, label, action) => el("button", {type: "button", title: label, "aria-label": label, onclick: action}, text);
	const modes = ["notebooks", "slots"].map(mode => el("button", {type: "button", "data-mode": mode, "aria-pressed": "false",
		onclick: () => { shown.mode = mode; save(); drawTimeline(true); }}, mode === "slots" ? "by place in the pool" : "by notebook"));

	line.picture = svg("svg", {class: "rows", role: "presentation"});
	line.axis = svg("svg", {class: "axis", height: AXIS, "aria-hidden": "true"});
	line.spacer = el("div", {class: "spacer"}, line.picture);
	line.box = el("div", {class: "lines", id: "lines", tabindex: "0", role: "application", "aria-label":
		"Timeline. Up and down choose a row, enter opens it, left and right move in time, plus and minus zoom, 0 shows all. The table below has the same in words."}, line.spacer);
	line.says = el("p", {class: "says faint", role: "status", "aria-live": "polite"}, "\u00a0");
	const steps = critical.map(x => x.b.name).filter((n, i, all) => n !== all[i - 1]);
	const busy = critical.reduce((sum, x) => sum + freed(x.a) - x.a.started, 0);
	main.insertBefore(el("section", {"aria-labelledby": "timeline-title", id: "timeline"},
		el("h2", {id: "timeline-title"}, "Timeline"),
		el("div", {class: "tools"}, el("span", {role: "group", "aria-label": "rows"}, modes),
			el("span", {role: "group", "aria-label": "zoom"}, button("\u2212", "zoom out", () => zoom(2)), button("+", "zoom in", () => zoom(0.5)),
			button("all", "show all", () => { line.t0 = 0; line.t1 = end * 1.01; drawTimeline(); })),
			el("span", {class: "legend faint", "aria-hidden": "true"}, ["queued", "starting", "running", "ending"].map(k => [el("i", {class: "key " + k}), k + " "]), el("i", {class: "key path"}), "critical path")),
		line.axis, line.box, line.says,
		steps.length > 1 ? el("p", {class: "path", id: "critical"}, el("b", {}, "Critical path"), " (" + time(busy) + " of " + time(now) + "): ",
			(steps.length > 30 ? steps.slice(0, 15).concat(["\u2026"], steps.slice(-14)) : steps).flatMap((n, i) => [i ? " \u2192 " : "", n])) : null),
		document.getElementById("notebooks"));
	let frame = 0;
	line.box.addEventListener("scroll", () => { cancelAnimationFrame(frame); frame = requestAnimationFrame(() => drawTimeline()); });
	addEventListener("resize", () => drawTimeline());
	line.box.addEventListener("keydown", onKey);
	line.box.addEventListener("wheel", e => {
		if (!e.ctrlKey && !e.metaKey)
			return;
		e.preventDefault();
		zoom(e.deltaY > 0 ? 1.25 : 0.8, e.clientX - line.box.getBoundingClientRect().left - line.left);
	}, {passive: false});
	let from = null;
	line.box.addEventListener("pointerdown", e => { from = {x: e.clientX, t0: line.t0, t1: line.t1, moved: false}; });
	addEventListener("pointermove", e => {
		if (from === null)
			return;
		if (Math.abs(e.clientX - from.x) > 3)
			from.moved = true;
		if (from.moved) {
			const by = (from.x - e.clientX) / line.scale;
			line.t0 = from.t0 + by;
			line.t1 = from.t1 + by;
			drawTimeline();
		}
	});
	addEventListener("pointerup", () => setTimeout(() => from = null, 0));
	line.picture.addEventListener("click", e => {
		const bar = e.target.closest("[data-i]");
		if (bar !== null && (from === null || !from.moved))
			reveal(books[bar.getAttribute("data-i")]);
	});
	line.picture.addEventListener("mouseover", e => {
		const bar = e.target.closest("[data-i]");
		if (bar !== null && bar.hasAttribute("data-a"))
			line.says.textContent = clean(describe({b: books[bar.getAttribute("data-i")], a: books[bar.getAttribute("data-i")].attempts[bar.getAttribute("data-a")]}));
	});
	addEventListener("beforeprint", () => { line.printing = true; drawTimeline(); });
	addEventListener("afterprint", () => { line.printing = false; drawTimeline(); });
}

function zoom(by, x) {
	const at = x === undefined ? (line.t0 + line.t1) / 2 : line.t0 + x / line.scale;
	const width = Math.min(end * 4, Math.max(5, (line.t1 - line.t0) * by));
	const share = (at - line.t0) / (line.t1 - line.t0);

	line.t0 = at - width * share;
	line.t1 = line.t0 + width;
	drawTimeline();
}

function onKey(e) {
	const width = line.t1 - line.t0;
	let known = true;

	if (e.ctrlKey || e.metaKey || e.altKey)
		return;
	if (e.key === "ArrowLeft" || e.key === "ArrowRight") {
		const by = width / (e.key === "ArrowLeft" ? -10 : 10);
		line.t0 += by;
		line.t1 += by;
	} else if (e.key === "+" || e.key === "=") {
		zoom(0.5);
	} else if (e.key === "-") {
		zoom(2);
	} else if (e.key === "0") {
		line.t0 = 0;
		line.t1 = end * 1.01;
	} else if (e.key === "ArrowDown" || e.key === "ArrowUp") {
		line.cursor = Math.max(0, Math.min(line.rows.length - 1, line.cursor + (e.key === "ArrowDown" ? 1 : -1)));
		const top = line.cursor * ROW;
		if (top < line.box.scrollTop || top + ROW > line.box.scrollTop + line.box.clientHeight)
			line.box.scrollTop = top - line.box.clientHeight / 2;
		const row = line.rows[line.cursor];
		if (row)
			line.says.textContent = clean(row.bars.length > 0 ? row.bars.slice(0, 20).map(describe).join("; ") : row.label + ": waiting");
	} else if (e.key === "Enter" && line.rows[line.cursor]) {
		const row = line.rows[line.cursor];
		if (row.bars.length > 0 || row.book)
			reveal(row.book || row.bars[0].b);
	} else {
		known = false;
	}
	if (known) {
		e.preventDefault();
		drawTimeline();
	}
}

function drawBar(group, x, y, place) {
	const {b, a} = place, width = line.box.clientWidth, state = came(b, a);
	const to = t => Math.max(-5, Math.min(width + 5, x(t)));
	const rect = (from, until, classes, top, height) => {
		if (from === null || until === null || x(until) < line.left - 5 || x(from) > width + 5)
			return null;
		const left = Math.max(line.left - 2, to(from));
		const r = svg("rect", {class: classes, x: left.toFixed(1), y: y + top, width: Math.max(0.7, to(until) - left).toFixed(1), height: height});
		bar.append(r);
		return r;
	};
	const bar = svg("g", {class: "bar", "data-i": b.index, "data-a": b.attempts.indexOf(a)});
	const ready = a.ready !== null ? a.ready : a.started;

	if (shown.mode === "notebooks")
		rect(a.queued, a.started, "queued", 9, 2);
	if (a.ready !== null)
		rect(a.started, a.ready, "begin " + state, 3, ROW - 6);
	rect(ready, freed(a), "work " + state, 3, ROW - 6);
	if (a.departed !== null)
		rect(a.departed, stopped(a), "ending " + state, 3, ROW - 6);
	/* Cells, where they can be told apart. */
	if (a.cells.length > 0 && x(stopped(a)) - x(a.started) > a.cells.length / 4 * 4) {
		for (let i = 0; i < a.cells.length; i += 4) {
			const until = a.cells[i + 2] >= 0 ? a.cells[i + 1] + a.cells[i + 2] : now;
			const cell = rect(a.cells[i + 1], until, "cell" + (a.cells[i + 3] ? " bad" : "") + (a.cells[i + 2] < 0 && goesOn ? " at" : ""), 5, ROW - 10);
			if (cell !== null)
				cell.append(svg("title", {}, "cell " + a.cells[i] + ": " + (a.cells[i + 2] >= 0 ? time(a.cells[i + 2]) : "runs")));
		}
	}
	if (onPath.has(a))
		rect(a.started, freed(a), "path", ROW - 3, 2);
	if (shown.mode === "slots" && x(freed(a)) - x(a.started) > 40)
		bar.append(svg("text", {x: Math.max(line.left + 2, to(a.started) + 4), y: y + 14, class: "in"}, b.name.slice(0, Math.floor((x(freed(a)) - x(a.started)) / 7))));
	if (bar.childNodes.length > 0)
		group.append(bar);
}

function drawTimeline(fresh) {
	if (!line.box)
		return;
	if (fresh || line.rows.mode !== shown.mode) {
		line.rows = shown.mode === "slots" ? rowsOfSlots() : rowsOfNotebooks();
		line.rows.mode = shown.mode;
	}
	document.querySelectorAll("[data-mode]").forEach(b => b.setAttribute("aria-pressed", String(b.getAttribute("data-mode") === shown.mode)));
	const rows = line.rows, width = line.box.clientWidth;
	line.left = shown.mode === "slots" ? 70 : Math.min(200, Math.max(90, width / 5));
	line.scale = (width - line.left) / (line.t1 - line.t0);
	const x = t => line.left + (t - line.t0) * line.scale;
	const most = line.printing ? Math.min(rows.length, 120) : Math.min(rows.length, Math.max(4, Math.floor(innerHeight * 0.5 / ROW)));
	line.box.style.height = most * ROW + 4 + "px";
	line.spacer.style.height = rows.length * ROW + "px";
	const first = Math.max(0, Math.floor(line.box.scrollTop / ROW) - 1), last = Math.min(rows.length, first + most + 3);
	const by = step(line.scale), ticks = document.createDocumentFragment(), drawn = document.createDocumentFragment();

	line.picture.setAttribute("width", width);
	line.picture.setAttribute("height", Math.max(0, last - first) * ROW);
	line.picture.style.top = first * ROW + "px";
	line.axis.setAttribute("width", width);
	for (let t = Math.max(0, Math.ceil(line.t0 / by) * by); t <= line.t1; t += by) {
		ticks.append(svg("text", {x: x(t), y: 17, class: "tick"}, tick(t, by)));
		drawn.append(svg("line", {x1: x(t), x2: x(t), y1: 0, y2: (last - first) * ROW, class: "grid"}));
	}
	line.axis.replaceChildren(ticks);
	for (let i = first; i < last; i++) {
		const y = (i - first) * ROW, row = rows[i];
		let until = -9;

		if (i === line.cursor)
			drawn.append(svg("rect", {x: 0, y: y, width: width, height: ROW, class: "cursor"}));
		for (const place of row.bars) {
			/* Of many that would cover each other, one. */
			if (x(stopped(place.a)) < until + 0.6 && place.a.status === "succeeded" && !onPath.has(place.a))
				continue;
			drawBar(drawn, x, y, place);
			until = x(stopped(place.a));
		}
		const fits = Math.floor((line.left - 8) / 6.8);
		drawn.append(svg("text", {x: 2, y: y + 14, class: "label" + (row.book ? " " + row.book.word : ""), "data-i": row.book ? row.book.index : null},
			row.label.length > fits ? row.label.slice(0, fits - 1) + "\u2026" : row.label, svg("title", {}, row.label)));
	}
	if (goesOn)
		drawn.append(svg("line", {x1: x(now), x2: x(now), y1: 0, y2: (last - first) * ROW, class: "now"}));
	line.picture.replaceChildren(drawn);
}

/* ---- The graph ---- */

/* Notebooks that depend on the same ones, and that the same ones depend on, are one node where they are many. */
function groups() {
	const own = books.filter(b => b.parent === null), uses = new Map(own.map(b => [b.index, []]));
	const found = new Map(), of = new Map(), list = [];

	own.forEach(b => b.depends_on.forEach(d => uses.get(d).push(b.index)));
	own.filter(b => b.depends_on.length > 0 || uses.get(b.index).length > 0).forEach(b => {
		const key = b.depends_on.slice().sort((x, y) => x - y).join(",") + ">" + uses.get(b.index).join(",");
		if (!found.has(key))
			found.set(key, []);
		found.get(key).push(b);
	});
	for (const members of found.values()) {
		const parts = members.length > 6 ? [members] : members.map(b => [b]);
		parts.forEach(part => {
			const node = {books: part, from: new Set(), to: new Set(), layer: 0, id: list.length};
			part.forEach(b => of.set(b.index, node));
			list.push(node);
		});
	}
	list.forEach(node => node.books[0].depends_on.forEach(d => {
		node.from.add(of.get(d));
		of.get(d).to.add(node);
	}));
	list.alone = own.length - list.reduce((n, node) => n + node.books.length, 0);
	return list;
}

/* What their names have in common, with \u2026 in it for the rest; nothing where that is all. */
function commonName(list) {
	let head = list[0].name, tail = list[0].name;

	if (list.length === 1)
		return head;
	for (const b of list) {
		while (!b.name.startsWith(head))
			head = head.slice(0, -1);
		while (!b.name.endsWith(tail))
			tail = tail.slice(1);
	}
	if (tail.length < 3 || head.length + tail.length > Math.min(...list.map(b => b.name.length)))
		tail = "";
	return head.length + tail.length > 0 ? head + "\u2026" + tail : "";
}

const groupName = list => commonName(list) || count(list.length, "notebook");

function layout(nodes) {
	const layers = [];
	const waits = new Map(nodes.map(n => [n, n.from.size]));
	let ready = nodes.filter(n => n.from.size === 0);

	while (ready.length > 0) {
		const next = [];
		ready.forEach(n => n.to.forEach(m => {
			m.layer = Math.max(m.layer, n.layer + 1);
			waits.set(m, waits.get(m) - 1);
			if (waits.get(m) === 0)
				next.push(m);
		}));
		ready = next;
	}
	nodes.forEach(n => (layers[n.layer] = layers[n.layer] || []).push(n));
	const place = () => layers.forEach(layer => layer.forEach((n, i) => n.row = i));
	place();
	for (let round = 0; round < 4; round++) {
		(round % 2 ? layers.slice().reverse() : layers).forEach(layer => {
			layer.forEach(n => {
				const near = [...(round % 2 ? n.to : n.from)];
				n.want = near.length > 0 ? near.reduce((sum, m) => sum + m.row, 0) / near.length : n.row;
			});
			layer.sort((a, b) => a.want - b.want || a.id - b.id).forEach((n, i) => n.row = i);
		});
	}
	return layers;
}

function drawGraph(box) {
	const nodes = groups(), layers = layout(nodes), W = 178, H = 34, GX = 64, GY = 12;
	const tall = Math.max(...layers.map(l => l.length));
	const height = tall * (H + GY) + GY, edges = svg("g", {class: "edges", "aria-hidden": "true"}), shapes = svg("g");
	const picture = svg("svg", {width: layers.length * (W + GX) - GX + 4, height: height, role: "group", "aria-label": "Dependency graph"}, edges, shapes);
	const critics = new Set(critical.map(x => x.b));
	let drawn = 0;

	layers.forEach(layer => layer.forEach((n, i) => {
		n.x = n.layer * (W + GX) + 2;
		n.y = (height - layer.length * (H + GY)) / 2 + i * (H + GY) + GY / 2;
	}));
	nodes.forEach(n => n.to.forEach(m => {
		if (drawn++ > 6000)
			return;
		const x1 = n.x + W, y1 = n.y + H / 2, x2 = m.x, y2 = m.y + H / 2, half = (x2 - x1) / 2;
		const path = critics.has(n.books[0]) && critics.has(m.books[0]);
		edges.append(svg("path", {d: `M${x1} ${y1}C${x1 + half} ${y1} ${x2 - half} ${y2} ${x2 - 5} ${y2}l-5 -3.5v7l5 -3.5`, class: path ? "path" : null}));
	}));
	nodes.forEach(n => {
		const counts = countStates(n.books), name = groupName(n.books), many = n.books.length > 1;
		const state = STATES.find(s => counts[s]);
		const words = STATES.filter(s => counts[s]).map(s => (many ? counts[s] + " " : "") + word(s)).join(", ");
		const go = () => {
			if (!many)
				return reveal(n.books[0]);
			const pattern = commonName(n.books).replace("\u2026", "*");
			shown.states.clear();
			shown.text = pattern && books.filter(b => matches(pattern.toLowerCase(), b.name.toLowerCase())).length === n.books.length ? pattern : "";
			shown.books = shown.text === "" ? new Set(n.books) : null;
			filter();
			document.getElementById("notebooks").scrollIntoView();
		};
		const shape = svg("g", {class: "node " + state, tabindex: "0", role: "button", "aria-label": name + ", " + (many ? count(n.books.length, "notebook") + ": " : "") + words +
			(n.from.size > 0 ? ", after " + [...n.from].slice(0, 10).map(m => groupName(m.books)).join(", ") : ""),
			transform: `translate(${n.x} ${n.y})`, onclick: go, onkeydown: e => { if (e.key === "Enter" || e.key === " ") { e.preventDefault(); go(); } }},
			svg("title", {}, name + ": " + words + (many ? "; " + short(n.books.map(b => b.name).join(", ")) : "")),
			many ? svg("rect", {class: "behind", x: 4, y: 4, width: W, height: H, rx: 5}) : null,
			svg("rect", {class: "face", width: W, height: H, rx: 5}), svg("rect", {class: "edge", width: 5, height: H, rx: 2}),
			svg("text", {x: 13, y: 15}, name.length > 23 ? name.slice(0, 22) + "\u2026" : name),
			svg("text", {x: 13, y: 28, class: "small"}, MARKS[state] + " " + (words.length > 26 ? words.slice(0, 25) + "\u2026" : words) +
			(!many && n.books[0].seconds ? " \u00b7 " + time(n.books[0].seconds * 1000) : "")));
		shapes.append(shape);
	});
	box.replaceChildren(picture);
	if (nodes.alone > 0)
		box.append(el("p", {class: "faint"}, count(nodes.alone, "more notebook") + (nodes.alone === 1 ? " depends on nothing, and nothing on it." : " depend on nothing, and nothing on them.")));
}

function buildGraph() {
	if (!books.some(b => b.depends_on.length > 0))
		return;
	const box = el("div", {class: "graph wide"});
	main.insertBefore(el("section", {"aria-labelledby": "graph-title", id: "graph"}, el("h2", {id: "graph-title"}, "Dependencies"), box), document.getElementById("notebooks"));
	drawGraph(box);
}

/* ---- The table ---- */

const rows = [...document.getElementById("rows").rows];
const columns = [
	{key: "name", of: b => b.name},
	{key: "status", of: b => STATES.indexOf(b.word)},
	{key: "time", of: b => spent(b)},
	{key: "queued", of: b => waited(b)},
	{key: "cells", of: b => b.total === undefined ? null : b.total},
	{key: "cpu", of: b => b.cpu},
	{key: "memory", of: b => b.rss},
	{key: "attempts", of: b => b.attempted === undefined ? b.attempts.length : b.attempted},
	{key: "happened", of: b => happened(b)},
];

function spent(b) {
	if (typeof b.seconds === "number")
		return b.seconds * 1000;
	return b.state === "running" && b.last ? now - b.last.started : null;
}

const waited = b => b.last && b.last.queued !== null && b.last.started !== null ? b.last.started - b.last.queued : null;

function matches(text, name) {
	if (!text.includes("*"))
		return name.includes(text);
	const parts = text.split("*");
	let at = 0;

	if (!name.startsWith(parts[0]) || !name.endsWith(parts[parts.length - 1]))
		return false;
	return parts.every(p => { const i = name.indexOf(p, at); at = i + p.length; return i >= 0; });
}

function visible(b) {
	if (shown.books !== null && !shown.books.has(b))
		return false;
	if (shown.states.size > 0 && !shown.states.has(b.word))
		return false;
	const text = shown.text.toLowerCase();
	return text === "" || matches(text, b.name.toLowerCase()) || (!text.includes("*") && (b.path || "").toLowerCase().includes(text)) ||
		(!text.includes("*") && happened(b).toLowerCase().includes(text)) ||
		(!text.includes("*") && (b.parameters || []).some(p => (p[0] + "=" + p[1]).toLowerCase().includes(text)));
}

function filter() {
	let n = 0;

	document.getElementById("find").value = shown.text;
	document.querySelectorAll("[data-state]").forEach(c => c.setAttribute("aria-pressed", String(shown.states.has(c.getAttribute("data-state")))));
	books.forEach((b, i) => {
		const yes = visible(b);
		rows[i].hidden = !yes;
		if (rows[i].details)
			rows[i].details.hidden = !yes || !shown.open.has(b.name);
		n += yes;
	});
	document.getElementById("found").textContent = n === books.length ? count(n, "notebook") : n + " of " + count(books.length, "notebook");
	save();
	drawTimeline(true);
}

function sort() {
	const down = shown.sort.startsWith("-"), key = shown.sort.replace("-", ""), column = columns.find(c => c.key === key);
	const order = books.slice();

	if (column) {
		order.sort((a, b) => {
			const x = column.of(a), y = column.of(b), none = v => v === null || v === undefined || v === "";
			if (none(x) || none(y))
				return none(x) - none(y) || a.index - b.index;
			return (typeof x === "string" ? x.localeCompare(y, undefined, {numeric: true}) : x - y) * (down ? -1 : 1) || a.index - b.index;
		});
	}
	const body = document.createDocumentFragment();
	order.forEach(b => {
		body.append(rows[b.index]);
		if (rows[b.index].details)
			body.append(rows[b.index].details);
	});
	document.getElementById("rows").append(body);
	columns.forEach((c, i) => headings[i].setAttribute("aria-sort", c !== column ? "none" : down ? "descending" : "ascending"));
}

let headings = [];

function buildTable() {
	const counts = countStates(books), table = document.getElementById("table");

	document.getElementById("notebooks").insertBefore(el("div", {class: "tools"},
		el("label", {}, "find ", el("input", {type: "search", id: "find", placeholder: "name, parameter, error; * in names", oninput: e => { shown.text = e.target.value; shown.books = null; filter(); }})),
		el("span", {role: "group", "aria-label": "status"}, STATES.filter(s => counts[s]).map(s => el("button", {type: "button", class: "chip " + s, "data-state": s, "aria-pressed": "false",
			onclick: () => { if (!shown.states.delete(s)) shown.states.add(s); filter(); }}, MARKS[s] + " " + word(s) + " " + counts[s]))),
		el("span", {class: "faint", id: "found", role: "status"})), table.parentNode);
	headings = [...table.tHead.rows[0].cells];
	headings.forEach((th, i) => {
		const text = th.textContent;
		th.replaceChildren(el("button", {type: "button", class: "plain", onclick: () => {
			const key = columns[i].key;
			shown.sort = shown.sort === key ? "-" + key : shown.sort === "-" + key ? "" : key;
			sort();
			save();
		}}, text));
	});
	rows.forEach((row, i) => {
		const b = books[i], th = row.cells[0];
		th.prepend(el("button", {type: "button", class: "turn", "aria-expanded": "false", "aria-label": "details of " + clean(b.name)}, "\u25b8"));
		row.cells[1].replaceChildren(badge(b.word));
		row.cells[2].textContent = time(spent(b));
		row.cells[3].textContent = time(waited(b));
		row.cells[5].textContent = b.cpu ? time(b.cpu * 1000) : "";
		row.cells[6].textContent = b.rss ? bytes(b.rss) : "";
		if (b.state === "running")
			row.cells[8].textContent = clean(happened(b));
		row.id = "row-" + i;
		if (onPath.has(b.last))
			row.classList.add("critical");
		row.bookIndex = i;
	});
	table.tBodies[0].addEventListener("click", e => {
		const row = e.target.closest("tr");
		if (row === null || row.bookIndex === undefined || e.target.closest("a") || String(getSelection()) !== "")
			return;
		turn(books[row.bookIndex], !shown.open.has(books[row.bookIndex].name));
		save();
	});
}

function turn(b, open) {
	const row = rows[b.index];

	if (open && !row.details) {
		row.details = el("tr", {class: "details", id: "details-" + b.index}, el("td", {colspan: columns.length}, details(b)));
		row.after(row.details);
		row.cells[0].querySelector("button").setAttribute("aria-controls", "details-" + b.index);
	}
	if (row.details)
		row.details.hidden = !open;
	row.cells[0].querySelector("button").setAttribute("aria-expanded", String(open));
	shown.open[open ? "add" : "delete"](b.name);
}

function reveal(b) {
	if (!visible(b)) {
		shown.text = "";
		shown.states.clear();
		shown.books = null;
		filter();
	}
	turn(b, true);
	save();
	rows[b.index].scrollIntoView({block: "start"});
	rows[b.index].cells[0].querySelector("button").focus({preventScroll: true});
}

/* An address that opens one notebook leads to it; a reload stays where it was. */
function goThere() {
	const b = shown.open.size === 1 && books.find(o => shown.open.has(o.name));

	if (b && visible(b))
		rows[b.index].scrollIntoView({block: "start"});
}

/* ---- Details ---- */

const part = (title, ...content) => el("div", {class: "part"}, el("h3", {}, title), content);
const pre = (text, classes) => el("pre", {class: classes || null, tabindex: "0"}, terminal(text));

function errorPart(e, page) {
	const where = e.cell !== null && e.cell !== undefined ? "cell " + e.cell + (typeof e.execution_count === "number" ? ", In [" + e.execution_count + "]" : "") : "";

	return part("Error", el("p", {class: "bad"}, (e.name ? e.name + ": " : "") + (e.message || e.kind || "")),
		where ? el("p", {}, page ? link(page + "#cell-" + e.cell, where) : where) : null, e.traceback ? pre(e.traceback, "error") : null);
}

function attemptsPart(b) {
	const earlier = new Map(b.tries.map(t => [t.attempt, t])), numbers = new Set([...earlier.keys(), ...b.attempts.map(a => a.number)]);
	const here = new Map(b.attempts.map(a => [a.number, a]));

	if (numbers.size === 0)
		return null;
	return part("Attempts", el("div", {class: "wide"}, el("table", {class: "small"}, el("thead", {}, el("tr", {}, ["#", "status", "started", "queued", "kernel", "ran", "CPU", "memory", "place", "", "files"].map(t => el("th", {scope: "col"}, t)))),
		el("tbody", {}, [...numbers].sort((x, y) => x - y).map(number => {
			const a = here.get(number), t = earlier.get(number), is = t ? t.status : came(b, a);
			const files = t || b;
			return el("tr", {}, el("th", {scope: "row"}, number), el("td", {}, badge(is)), el("td", {}, a && a.started !== null ? time(a.started) : "in an earlier run"),
				el("td", {}, a && a.queued !== null ? time(a.started - a.queued) : ""), el("td", {}, a && a.ready !== null ? (a.warm ? "warm " : "cold ") + time(a.ready - a.started) : ""),
				el("td", {}, t && t.seconds !== null ? time(t.seconds * 1000) : a ? time(stopped(a) - a.started) : ""),
				el("td", {}, t ? t.cpu ? time(t.cpu * 1000) : "" : b.cpu ? time(b.cpu * 1000) : ""), el("td", {}, bytes(t ? t.rss : b.rss)),
				el("td", {}, a && a.slot >= 0 ? a.slot + 1 : ""),
				el("td", {}, a && a.why ? a.why : "", t && t.error ? el("span", {class: "bad"}, (t.error.name ? t.error.name + ": " : "") + short((t.error.message || "").split("\n")[0])) : "", a && a.retry_in ? ", again after " + time(a.retry_in * 1000) : ""),
				el("td", {class: "links"}, link(files.page, "notebook"), " ", link(files.log, "log"), " ", a ? away(a.url, "workspace") : null));
		})))));
}

function cellsPart(b) {
	const a = b.last, list = [];

	if (!a || a.cells.length < 12)
		return null;
	for (let i = 0; i < a.cells.length; i += 4)
		list.push({cell: a.cells[i], ms: a.cells[i + 2] >= 0 ? a.cells[i + 2] : now - a.cells[i + 1], bad: a.cells[i + 3], open: a.cells[i + 2] < 0});
	/* In the copy of one that failed two cells were put in: one at the top, one before the cell. */
	const marked = b.error && typeof b.error.cell === "number";
	const index = c => !marked ? c.cell : c.bad ? b.error.cell : c.cell + 1;
	const sum = list.reduce((s, c) => s + c.ms, 0);
	return part("Slowest of " + count(list.length, "cell"), el("ol", {class: "cells"}, list.slice().sort((x, y) => y.ms - x.ms).slice(0, 5).map(c => el("li", {},
		b.page ? link(b.page + "#cell-" + index(c), "cell " + index(c)) : "cell " + index(c), " " + time(c.ms) + (sum > 0 ? ", " + Math.round(100 * c.ms / sum) + " %" : "") + (c.open ? ", runs" : "")))));
}

function memoryPart(b) {
	const m = b.last ? b.last.memory : [];

	if (m.length < 6)
		return null;
	const top = Math.max(...m.filter((v, i) => i % 2)), from = m[0], until = m[m.length - 2], W = 360, H = 50;
	let path = "";
	for (let i = 0; i < m.length; i += 2)
		path += (i ? "L" : "M") + ((m[i] - from) / Math.max(1, until - from) * W).toFixed(1) + " " + (H - m[i + 1] / top * H).toFixed(1);
	return part("Memory", el("p", {class: "faint"}, "up to " + bytes(top)), svg("svg", {class: "spark", width: W, height: H, role: "img", "aria-label": "memory over time, up to " + bytes(top)}, svg("path", {d: path})));
}

const jump = b => el("button", {type: "button", class: "plain", onclick: () => reveal(b)}, b.name);

function details(b) {
	const facts = [], uses = b.depends_on.map(d => books[d]), after = books.filter(o => o.depends_on.includes(b.index)), kids = books.filter(o => o.parent === b.index);
	const fact = (name, ...value) => { if (value.some(v => v)) facts.push(el("dt", {}, name), el("dd", {}, value)); };
	const list = l => l.slice(0, 50).flatMap((o, i) => [i ? ", " : "", jump(o)]).concat(l.length > 50 ? [" and " + (l.length - 50) + " more"] : []);

	fact("notebook", b.path);
	fact("target", b.target);
	if (b.last && b.last.started !== null)
		fact("started", clock(b.last.started) + " (after " + time(b.last.started) + ")");
	if (b.last && b.last.ready !== null)
		fact("kernel", (b.last.warm ? "warm" : "cold") + ", ready after " + time(b.last.ready - b.last.started));
	fact("CPU", b.cpu ? time(b.cpu * 1000) : "");
	fact("memory", bytes(b.rss));
	if (b.exit_status)
		fact("exit status", b.exit_status);
	if (b.signal)
		fact("killed by signal", b.signal);
	fact("kept from", b.kept_from);
	if (b.cause)
		fact("because of", ...list(books.filter(o => o.name === b.cause)));
	if (b.parent !== null)
		fact("run by", jump(books[b.parent]));
	if (uses.length > 0)
		fact("after", ...list(uses));
	if (after.length > 0)
		fact("before", ...list(after));
	if (kids.length > 0)
		fact("ran", ...list(kids));
	return el("div", {class: "parts"},
		el("p", {class: "links"}, link(b.page, "executed notebook"), " ", link(b.copy, ".ipynb"), " ", link(b.log, "log"), " ", away(b.url, "in the workspace")),
		b.error ? errorPart(b.error, b.page) : null,
		el("div", {class: "columns"}, part("Facts", el("dl", {}, facts)),
		b.parameters && b.parameters.length > 0 ? part("Parameters", el("dl", {class: "values"}, b.parameters.flatMap(p => [el("dt", {}, p[0]), el("dd", {}, p[1] === null ? "null" : p[1])]))) : null,
		cellsPart(b), memoryPart(b)),
		b.result !== null && b.result !== undefined ? part("Result", pre(b.result)) : null,
		b.values !== null && b.values !== undefined ? part("Values set", pre(b.values)) : null,
		attemptsPart(b),
		b.log_end ? part(b.log_cut ? "End of the log" : "Log", b.log_cut ? el("p", {class: "faint"}, "all of it, " + bytes(b.log_bytes) + ": ", link(b.log, "log")) : null, pre(b.log_end)) : null);
}

/* ---- All of it ---- */

load();
document.documentElement.classList.add("alive");
buildHead();
buildTable();
buildFailures();
buildTimeline();
buildGraph();
if (document.getElementById("auto"))
	document.getElementById("auto").checked = shown.auto;
[...shown.open].forEach(name => { const b = books.find(o => o.name === name); if (b) turn(b, true); else shown.open.delete(name); });
filter();
sort();
later();
addEventListener("hashchange", () => { load(); filter(); sort(); books.forEach(b => { if (shown.open.has(b.name)) turn(b, true); }); goThere(); });
const [navigation] = performance.getEntriesByType("navigation");
if (navigation && navigation.type === "navigate")
	goThere();
document.documentElement.setAttribute("data-ready", "yes");
})();
