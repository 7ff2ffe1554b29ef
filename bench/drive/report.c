/* SPDX-License-Identifier: Apache-2.0 */
/* bench report: one HTML page of a result. It holds the data and draws them itself, so it opens
 * without a network. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "drive/drive.h"

static const char head[] =
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>millrace "
    "bench</title>\n"
    "<style>\n"
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;color:#1b1f24}\n"
    "h1{font-size:1.4rem}h2{font-size:1.05rem;margin-top:2rem}\n"
    "table{border-collapse:collapse}td,th{padding:.25rem .8rem;text-align:right}\n"
    "th{border-bottom:1px solid "
    "#99a;font-weight:600}td:first-child,th:first-child{text-align:left}\n"
    "svg{width:100%;height:auto;background:#fafbfc;border:1px solid #dde}\n"
    "text{font:11px system-ui,sans-serif;fill:#445}.grid{stroke:#e3e6ea}.mark{color:#a33}\n"
    ".line{fill:none;stroke-width:2}.a{stroke:#2463b4}.b{stroke:#c06a1b}\n"
    "</style></head><body>\n<h1 id=\"title\"></h1><p id=\"what\"></p><p id=\"marks\" "
    "class=\"mark\"></p>\n"
    "<h2>Percentiles</h2><table id=\"table\"></table>\n"
    "<h2>Response by percentile</h2><svg id=\"curve\" viewBox=\"0 0 900 320\"></svg>\n"
    "<h2>Throughput over time</h2><svg id=\"rate\" viewBox=\"0 0 900 240\"></svg>\n"
    "<h2>Response over time (p50, p99)</h2><svg id=\"time\" viewBox=\"0 0 900 240\"></svg>\n"
    "<h2>Environment</h2><table id=\"env\"></table>\n<script>\nconst result = ";

/* In parts: a text of C may have 4095 bytes. */
static const char *const tail[] = {
    ";\n"
    "const $ = id => document.getElementById(id);\n"
    "const ns = v => v === undefined ? '\\u2013' : v < 1e3 ? v + ' ns' : v < 1e6 ? "
    "(v / 1e3).toFixed(1) + ' \\u00b5s' : v < 1e9 ? (v / 1e6).toFixed(2) + ' ms' : "
    "(v / 1e9).toFixed(2) + ' s';\n"
    "const count = v => v >= 1e6 ? (v / 1e6).toFixed(2) + ' M' : v >= 1e3 ? "
    "(v / 1e3).toFixed(1) + ' k' : v.toFixed(0);\n"
    "const cell = (row, tag, text) => { const c = document.createElement(tag); c.textContent = "
    "text; "
    "row.appendChild(c); };\n"
    "function rows(table, list, tag) { for (const r of list) { const tr = "
    "document.createElement('tr'); r.forEach(t => cell(tr, tag || 'td', t)); "
    "table.appendChild(tr); tag = 'td'; } }\n"
    "function draw(svg, name, attributes, text) { const e = "
    "document.createElementNS('http://www.w3.org/2000/svg', name); for (const k in attributes) "
    "e.setAttribute(k, attributes[k]); if (text) e.textContent = text; svg.appendChild(e); }\n"
    "function plot(svg, series, xs, xText, yText, logY) {\n"
    "  const box = svg.viewBox.baseVal, L = 80, R = 20, T = 14, B = 30;\n"
    "  const w = box.width - L - R, h = box.height - T - B;\n"
    "  const all = series.flatMap(s => s.y).filter(v => v > 0);\n"
    "  if (!all.length) { draw(svg, 'text', {x: L, y: T + 20}, 'no samples'); return; }\n"
    "  const f = logY ? Math.log10 : v => v;\n"
    "  const lo = logY ? Math.floor(f(Math.min(...all))) : 0;\n"
    "  const hi = logY ? Math.ceil(f(Math.max(...all)) + 1e-9) : Math.max(...all) * 1.1;\n"
    "  const x0 = Math.min(...xs), x1 = Math.max(...xs, x0 + 1e-9);\n"
    "  const X = v => L + (v - x0) / (x1 - x0) * w;\n"
    "  const Y = v => T + h - (f(Math.max(v, logY ? 1e-9 : 0)) - lo) / (hi - lo) * h;\n"
    "  const step = logY ? 1 : hi / 4;\n"
    "  for (let v = lo; v <= hi + 1e-9; v += step) { const y = T + h - (v - lo) / (hi - lo) * h;\n"
    "    draw(svg, 'line', {class: 'grid', x1: L, x2: L + w, y1: y, y2: y});\n"
    "    draw(svg, 'text', {x: L - 8, y: y + 4, 'text-anchor': 'end'}, yText(logY ? 10 ** v : v)); "
    "}\n"
    "  for (const [v, t] of xText) { draw(svg, 'line', {class: 'grid', x1: X(v), x2: X(v), y1: T, "
    "y2: T + h}); draw(svg, 'text', {x: X(v), y: T + h + 18, 'text-anchor': 'middle'}, t); }\n"
    "  for (const s of series) draw(svg, 'polyline', {class: 'line ' + s.c, points: s.y.map((v, i) "
    "=> "
    "X(xs[i]).toFixed(1) + ',' + Y(v).toFixed(1)).join(' ')});\n"
    "}\n",
    "const runs = result.runs, first = runs[0];\n"
    "$('title').textContent = result.suite + (result.mode === 'open' ? ' @ ' + count(result.rate) "
    "+ "
    "'/s, open loop' + (result.poisson ? ', poisson' : '') : ', as fast as it can');\n"
    "$('what').textContent = runs.length + ' run(s) of ' + (result.for_ns / 1e9) + ' s after ' + "
    "(result.warmup_ns / 1e9) + ' s warm-up, seed ' + result.seed + ', config ' + "
    "result.config_hash;\n"
    "$('marks').textContent = runs.map((r, i) => r.marked ? 'run ' + (i + 1) + ': ' + r.marked : "
    "'').filter(t => t).join('; ');\n"
    "const ps = ['p50', 'p90', 'p99', 'p99.9', 'p99.99', 'p99.999', 'max', 'count'];\n"
    "rows($('table'), [[''].concat(ps)], 'th');\n"
    "for (const [key, name] of [['response_ns', 'response'], ['service_ns', 'service'], "
    "['send_delay_ns', 'send delay']])\n"
    "  rows($('table'), runs.map((r, i) => [name + (runs.length > 1 ? ' ' + (i + 1) : '')]"
    ".concat(ps.map(p => p === 'count' ? count(r[key].count) : ns(r[key][p])))));\n"
    "const nines = q => -Math.log10(1 - q);\n"
    "plot($('curve'), [{c: 'a', y: result.curve.map(c => c[1])}], result.curve.map(c => "
    "nines(c[0])), [[nines(.5), '50 %'], [1, '90 %'], [2, '99 %'], [3, '99.9 %'], [4, '99.99 %'], "
    "[5, '99.999 %']].filter(t => result.curve.length && t[0] <= "
    "nines(result.curve[result.curve.length - 1][0])), ns, true);\n"
    "const its = runs.flatMap(r => r.intervals), seconds = its.map((_, i) => i + 1);\n"
    "const ticks = seconds.filter(s => s % Math.ceil(seconds.length / 12) === 0).map(s => [s, s + "
    "' s']);\n"
    "plot($('rate'), [{c: 'a', y: its.map(i => i.rows * 1e9 / i.ns)}], seconds, ticks, v => "
    "count(v) "
    "+ '/s');\n"
    "plot($('time'), [{c: 'a', y: its.map(i => i.p50)}, {c: 'b', y: its.map(i => i.p99)}], "
    "seconds, "
    "ticks, ns, true);\n"
    "rows($('env'), Object.entries(result.machine).concat([['round trip of a cache line', "
    "first.round_trip_ns + ' ns'], ['CPU others used', (100 * first.others).toFixed(1) + ' %'], "
    "['forced context switches', first.involuntary_switches], ['peak memory', "
    "(first.peak_rss_bytes / 1048576).toFixed(0) + ' MiB'], ['cores used', (first.cpu_ns / "
    "first.wall_ns).toFixed(2)]]));\n"
    "</script></body></html>\n",
    NULL};

int mr_drive_report(const char *dir, struct mr_error *err) {
  char in[4200], out[4200];
  snprintf(in, sizeof in, "%s/result.json", dir);
  snprintf(out, sizeof out, "%s/report.html", dir);
  FILE *from = fopen(in, "re");
  if (!from) return mr_error_set_sys(err, errno, "cannot read %s", in);
  FILE *to = fopen(out, "we");
  if (!to) {
    int code = errno;
    fclose(from);
    return mr_error_set_sys(err, code, "cannot write %s", out);
  }
  fputs(head, to);
  /* a "<" inside a script could end it */
  for (int c; (c = fgetc(from)) != EOF;)
    if (c == '<')
      fputs("\\u003c", to);
    else if (c != '\n')
      fputc(c, to);
  for (uint32_t i = 0; tail[i]; i++) fputs(tail[i], to);
  bool bad = ferror(from) || ferror(to);
  fclose(from);
  if (fclose(to) || bad) return mr_error_set_sys(err, errno, "cannot write %s", out);
  return MR_OK;
}

int mr_drive_report_main(int argc, char **argv) {
  struct mr_error err = {0};
  if (argc != 2) {
    fprintf(stderr, "millrace bench report: which folder of results?\n");
    return 64;
  }
  if (mr_drive_report(argv[1], &err)) {
    fprintf(stderr, "millrace bench report: %s\n", err.text);
    return 78;
  }
  printf("%s/report.html\n", argv[1]);
  return 0;
}
