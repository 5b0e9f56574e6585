// Script of the SVG flame graphs: zoom, search, tooltips, keyboard.
//
// Everything is read from the frames' own elements, which flame_svg.c has
// laid out: <g><title>name, then figures</title><rect/><text/></g>, in
// pre-order.  Names are only ever set as text.  A page may hold many graphs;
// each runs a copy of this script, on the graph that the script stands in.
(function () {
"use strict";
var SVG = "http://www.w3.org/2000/svg";
var HTML = "http://www.w3.org/1999/xhtml";
var ROW_HEIGHT = 18;
var FRAME_HEIGHT = 17;
var MARGIN = 10;
var TEXT_PADDING = 4;
var BAR_HEIGHT = 34;
// narrower frames are not drawn, in pixels
var MIN_WIDTH = 0.1;
var MIN_LABEL_CELLS = 3;
var TIP_LINES = 6;

var root = document.currentScript &&
	document.currentScript.closest("svg.pyro-flame");
if (!root)
	return;
root.setAttribute("width", "100%");
var frames = root.querySelector("svg.frames");
if (!frames)
	return;
var standalone = document.documentElement === root;
var diff = root.classList.contains("diff");

function create(parent, name, attributes) {
	var element = document.createElementNS(SVG, name);
	for (var key in attributes)
		element.setAttribute(key, attributes[key]);
	parent.appendChild(element);
	return element;
}

// the rows, and the tree that their levels tell

var groups = Array.from(frames.children);
var n = groups.length;
var rects = new Array(n);
var texts = new Array(n);
var tips = new Array(n);
var level = new Uint32Array(n);
var parent = new Int32Array(n);
// first row behind the descendants
var end = new Uint32Array(n);
var weight = new Float64Array(n);
var left = new Float64Array(n);
var rowOf = new Map();

(function readRows() {
	var path = [];
	var levelEnd = [];
	for (var i = 0; i < n; i++) {
		var title = groups[i].firstElementChild;
		rects[i] = title.nextElementSibling;
		texts[i] = rects[i].nextElementSibling;
		tips[i] = title.textContent.split("\n");
		// our own tooltip takes its place
		title.remove();
		rowOf.set(groups[i], i);
		level[i] = rects[i].getAttribute("y") / ROW_HEIGHT;
		weight[i] = parseFloat(rects[i].getAttribute("width"));
		while (path.length > level[i])
			end[path.pop()] = i;
		parent[i] = path.length ? path[path.length - 1] : -1;
		path.push(i);
		left[i] = levelEnd[level[i]] || 0;
		levelEnd[level[i] + 1] = left[i];
		levelEnd[level[i]] = left[i] + weight[i];
	}
	while (path.length)
		end[path.pop()] = n;
})();

// text

function cellsOf(text) {
	if (/^[\u0000-\u10ff]*$/.test(text))
		return text.length;
	var cells = 0;
	for (var character of text)
		cells += /[\u1100-\u115f\u2e80-\ufaff]|[^\u0000-\uffff]/u
			.test(character) ? 2 : 1;
	return cells;
}

function fits(text, cells) {
	return text.length <= 2 * cells && cellsOf(text) <= cells;
}

// as much of the text as fits, with an ellipsis when that is not all
function cut(text, cells) {
	if (fits(text, cells))
		return text;
	var kept = "";
	var used = 1;
	for (var character of text) {
		used += cellsOf(character);
		if (used > cells)
			return kept + "\u2026";
		kept += character;
	}
	return kept;
}

// as append_label of flame_svg.c
function labelOf(name, cells) {
	return fits(name, cells) ? name :
		cut(name.replace(/^[^ (<]*\//, ""), cells);
}

function measureCell() {
	var probe = create(frames, "text", {});
	probe.textContent = "m".repeat(40);
	var width = probe.getComputedTextLength() / 40;
	probe.remove();
	return width > 0 ? width * 1.005 : 7.25;
}

// layout

var cell = 7.25;
var focus = 0;
// of the frames, in pixels; 0 until the graph has been seen
var width = 0;

function setLabel(i, x, pixels) {
	var cells = Math.floor((pixels - 2 * TEXT_PADDING) / cell);
	var label = cells >= MIN_LABEL_CELLS ? labelOf(tips[i][0], cells) : "";
	if (!texts[i]) {
		if (!label)
			return;
		texts[i] = create(groups[i], "text", {
			dx: TEXT_PADDING, y: level[i] * ROW_HEIGHT + 12
		});
	}
	texts[i].setAttribute("x", x + "%");
	if (texts[i].textContent !== label)
		texts[i].textContent = label;
}

function layout() {
	var scale = 100 / weight[focus];
	for (var i = 0; i < n; i++) {
		var inside = i >= focus && i < end[focus];
		var above = i < focus && end[i] > focus;
		var x = inside ? (left[i] - left[focus]) * scale : 0;
		var w = inside ? Math.min(weight[i] * scale, 100) : 100;
		var pixels = w * width / 100;
		var shown = (inside || above) && pixels >= MIN_WIDTH;
		if (groups[i].classList.contains("off") === shown)
			groups[i].classList.toggle("off", !shown);
		if (!shown)
			continue;
		groups[i].classList.toggle("up", above);
		rects[i].setAttribute("x", x + "%");
		rects[i].setAttribute("width", w + "%");
		setLabel(i, x, pixels);
	}
}

function resize() {
	var now = root.getBoundingClientRect().width - 2 * MARGIN;
	if (now <= 0 || now === width)
		return;
	width = now;
	frames.setAttribute("width", width);
	cell = measureCell();
	hideTip();
	layoutBar();
	layout();
}

function zoom(i) {
	focus = weight[i] > 0 ? i : 0;
	reset.classList.toggle("off", focus === 0);
	hideTip();
	layoutBar();
	layout();
}

// search

function find(text) {
	var pattern = null;
	var literal = false;
	try {
		pattern = new RegExp(text, "i");
	} catch (error) {
		literal = true;
		pattern = new RegExp(text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"), "i");
	}
	var matches = 0;
	var counted = 0;
	var share = [0, 0];
	for (var i = 0; i < n; i++) {
		var hit = text !== "" && i > 0 && pattern.test(tips[i][0]);
		groups[i].classList.toggle("m", hit);
		if (!hit)
			continue;
		matches++;
		// a match below another one is in the sum already
		if (i >= counted) {
			var sides = diff ? groups[i].dataset.v.split(" ") :
				[100 * weight[i] / weight[0], 0];
			share[0] += +sides[0];
			share[1] += +sides[1];
			counted = end[i];
		}
	}
	root.classList.toggle("find", text !== "");
	clear.classList.toggle("off", text === "");
	result.textContent = text === "" ? "" :
		(literal ? "not a regular expression, taken literally: " : "") +
		(matches === 0 ? "no match" : diff ?
			"matched " + share[0].toFixed(2) + " % of base, " +
			share[1].toFixed(2) + " % of comparison" :
			"matched " + share[0].toFixed(2) + " % of total") +
		(matches === 0 ? "" : " (" + matches +
			(matches === 1 ? " frame)" : " frames)"));
	layoutBar();
}

// the bar of buttons, between the header and the frames

var barTop = +frames.getAttribute("y") - 2;
var bar = create(root, "g", {class: "bar", "font-size": 13});
var holder = create(bar, "foreignObject", {
	x: MARGIN, y: barTop, width: 260, height: 26
});
var field = document.createElementNS(HTML, "input");
field.setAttribute("type", "search");
field.setAttribute("placeholder", "Search (regular expression)");
field.setAttribute("aria-label", "Search frames by regular expression");
field.setAttribute("spellcheck", "false");
holder.appendChild(field);

function button(label, action) {
	var group = create(bar, "g", {
		class: "button", role: "button", tabindex: 0, "aria-label": label
	});
	create(group, "rect", {y: barTop + 0.5, height: 23, rx: 4});
	create(group, "text", {
		y: barTop + 16, "text-anchor": "middle"
	}).textContent = label;
	group.addEventListener("click", action);
	group.addEventListener("keydown", function (event) {
		if (event.key !== "Enter" && event.key !== " ")
			return;
		event.preventDefault();
		event.stopPropagation();
		action();
	});
	return group;
}

function clearSearch() {
	field.value = "";
	find("");
}

var clear = button("Clear", clearSearch);
var reset = button("Reset zoom", function () {
	zoom(0);
});
var palette = button("Blue / orange", function () {
	var blue = root.classList.toggle("blue");
	palette.lastChild.textContent = blue ? "Red / green" : "Blue / orange";
	palette.setAttribute("aria-label", palette.lastChild.textContent);
	layoutBar();
});
var result = create(bar, "text", {y: barTop + 16, "aria-live": "polite"});
clear.classList.add("off");
reset.classList.add("off");
palette.classList.toggle("off", !diff);

function layoutBar() {
	var x = MARGIN + Math.max(120, Math.min(260, width * 0.35));
	holder.setAttribute("width", x - MARGIN);
	[clear, reset, palette].forEach(function (group) {
		if (group.classList.contains("off"))
			return;
		var box = group.lastChild.getComputedTextLength() + 20;
		group.firstChild.setAttribute("x", x + 8.5);
		group.firstChild.setAttribute("width", box);
		group.lastChild.setAttribute("x", x + 8.5 + box / 2);
		x += box + 8;
	});
	result.setAttribute("x", x + 12);
}

var timer = 0;
field.addEventListener("input", function () {
	clearTimeout(timer);
	timer = setTimeout(function () {
		find(field.value);
	}, 120);
});
field.addEventListener("keydown", function (event) {
	event.stopPropagation();
	if (event.key === "Enter") {
		find(field.value);
	} else if (event.key === "Escape") {
		clearSearch();
		frames.focus({preventScroll: true});
	}
});

// the tooltip

var tip = create(root, "g", {class: "tip off", "font-size": 12});
var tipBox = create(tip, "rect", {rx: 4});
var at = -1;

function hideTip() {
	tip.classList.add("off");
	if (at >= 0)
		groups[at].classList.remove("at");
	at = -1;
}

function wrap(name, cells) {
	var lines = [];
	var rest = Array.from(name);
	while (rest.length > cells && lines.length < TIP_LINES - 1)
		lines.push(rest.splice(0, cells).join(""));
	lines.push(cut(rest.join(""), cells));
	return lines;
}

function fillTip(i) {
	while (tip.lastChild !== tipBox)
		tip.lastChild.remove();
	var size = 0;
	var y = 4;
	var cells = Math.max(20, Math.floor(Math.min(width - 30, 760) / 7.5));
	var lines = wrap(tips[i][0], cells);
	lines.concat(tips[i].slice(1)).forEach(function (line, k) {
		var text = create(tip, "text", {
			x: 9, y: y += 16, class: k < lines.length ? "name" : "figure"
		});
		text.textContent = line;
		size = Math.max(size, text.getComputedTextLength());
	});
	tipBox.setAttribute("width", size + 18);
	tipBox.setAttribute("height", y + 9);
	return {width: size + 18, height: y + 9};
}

// x and y: where to show it, in pixels of the root
function showTip(i, x, y) {
	if (i !== at) {
		hideTip();
		at = i;
		groups[i].classList.add("at");
		tip.classList.remove("off");
		tip.size = fillTip(i);
	}
	var box = root.getBoundingClientRect();
	var bottom = Math.min(box.height, window.innerHeight - box.top);
	var tipX = Math.max(2, Math.min(x + 14, box.width - tip.size.width - 4));
	var tipY = y + 18;
	if (tipY + tip.size.height > bottom)
		tipY = y - tip.size.height - 8;
	tip.setAttribute("transform",
		"translate(" + tipX + "," + Math.max(2, tipY) + ")");
}

function rowAt(target) {
	var i = rowOf.get(target.parentNode);
	return i === undefined ? -1 : i;
}

frames.addEventListener("mousemove", function (event) {
	var i = rowAt(event.target);
	var box = root.getBoundingClientRect();
	if (i < 0)
		hideTip();
	else
		showTip(i, event.clientX - box.left, event.clientY - box.top);
});
frames.addEventListener("mouseleave", hideTip);
frames.addEventListener("click", function (event) {
	var i = rowAt(event.target);
	if (i >= 0)
		zoom(i);
});

// the keyboard: arrows walk the tree, Enter zooms

function visible(i) {
	return i >= 0 && i < n && !groups[i].classList.contains("off");
}

function sibling(i, step) {
	var k = step > 0 ? end[i] : i - 1;
	while (k >= 0 && k < n && level[k] > level[i])
		k = step > 0 ? end[k] : parent[k];
	return k >= 0 && k < n && parent[k] === parent[i] ? k : -1;
}

function walk(key) {
	var next = at < 0 ? focus :
		key === "ArrowUp" ? parent[at] :
		key === "ArrowDown" ? (end[at] > at + 1 ? at + 1 : -1) :
		sibling(at, key === "ArrowRight" ? 1 : -1);
	if (!visible(next))
		return;
	var box = root.getBoundingClientRect();
	var frame = rects[next].getBoundingClientRect();
	showTip(next, frame.left - box.left,
		frame.top - box.top + FRAME_HEIGHT - 10);
	frames.setAttribute("aria-label", tips[next].join(", "));
}

(standalone ? window : root).addEventListener("keydown", function (event) {
	var key = event.key;
	if (key === "/" || (key === "f" && (event.ctrlKey || event.metaKey))) {
		field.focus();
		field.select();
	} else if (event.ctrlKey || event.metaKey || event.altKey) {
		return;
	} else if (key === "Escape") {
		if (focus > 0)
			zoom(0);
		else
			clearSearch();
	} else if (key === "Enter" && at >= 0) {
		zoom(at);
	} else if (/^Arrow/.test(key) && document.activeElement === frames) {
		walk(key);
	} else {
		return;
	}
	event.preventDefault();
});

// start

var ownTitle = root.querySelector("title");
if (!standalone && ownTitle)
	ownTitle.remove();
root.setAttribute("role", "group");
frames.setAttribute("tabindex", 0);
frames.setAttribute("role", "application");
frames.setAttribute("aria-label",
	"Frames: arrow keys walk, Enter zooms, Escape resets");
frames.setAttribute("y", +frames.getAttribute("y") + BAR_HEIGHT);
root.setAttribute("height", +root.getAttribute("height") + BAR_HEIGHT);
if (window.ResizeObserver)
	new ResizeObserver(resize).observe(root);
else
	window.addEventListener("resize", resize);
resize();
})();
