/* SPDX-License-Identifier: Apache-2.0 */
#include "oracle.h"

#include <math.h>
#include <stdlib.h>

#include "base/rng.h"

struct column {
  const char *name, *expr;
};
static const struct column columns[] = {
    {"n", "count(*)"},
    {"nv", "count(v)"},
    {"nok", "count(*) FILTER (WHERE ok)"},
    {"sv", "sum(v)"},
    {"sd", "sum(d)"},
    {"sdr", "round(sum(d) * 10)"},
    {"av", "avg(v)"},
    {"minv", "min(v)"},
    {"maxv", "max(v)"},
    {"mint", "min(ts)"},
    {"maxt", "max(ts)"},
    {"maxd", "max(d)"},
    {"minc", "min(city)"},
    {"maxc", "max(city)"},
    {"minn", "min(name)"},
    {"maxn", "max(name)"},
    {"fn", "first(name)"},
    {"ln", "last(name)"},
    {"fv", "first(v)"},
    {"cs", "collect_list(city)"},
    {"vs", "collect_list(v)"},
    {"ns", "collect_list(name)"},
    {"set", "collect_set(v)"},
    {"sset", "array_sort(collect_set(v))"},
    {"med", "median(v)"},
    {"pd", "percentile_disc(v, 0.25)"},
    {"p9", "round(percentile(d, 0.9) * 1e6)"},
    {"pl", "quantile_disc(v, array(0.1, 0.5, 1))"},
    {"pa", "percentile_approx(v, array(0, 0.5, 0.99))"},
    {"pok", "percentile_disc(v, 0.5) FILTER (WHERE ok)"},
    {"mode", "mode(v)"},
    {"top", "approx_top_k(name, 2)"},
    {"dn", "count(DISTINCT name)"},
    {"sdev", "round(stddev(d) * 1e6)"},
    {"vpop", "round(var_pop(v) * 1e6)"},
    {"ad", "approx_count_distinct(name)"},
    {"ac", "approx_count_distinct(city)"},
    {"len", "window_end - window_start"},
    {"twice", "count(*) + count(*)"},
};

static int64_t floor_to(int64_t ts, int64_t unit, int64_t offset) {
  int64_t from = ts - offset, n = from / unit;
  if (from < 0 && n * unit != from) n--;
  return n * unit + offset;
}

/* The windows that a time is in, one after another from i = 0 on; false: there are no more. */
static bool window_at(const struct query *q, int64_t ts, uint32_t i, int64_t *start, int64_t *end) {
  if (q->step_us) {
    *start = floor_to(ts, q->size_us, q->offset_us);
    *end = floor_to(ts, q->step_us, *start) + (i + 1) * q->step_us;
    return *end <= *start + q->size_us;
  }
  int64_t slide = q->slide_us ? q->slide_us : q->size_us;
  *start = floor_to(ts, slide, q->offset_us) - i * slide;
  *end = *start + q->size_us;
  return *end > ts;
}

static bool same_key(const struct query *q, const struct row *a, const struct row *b) {
  if (q->keys & KEY_CITY && a->city != b->city) return false;
  if (q->keys & KEY_NAME && strcmp(a->name, b->name) != 0) return false;
  if (q->keys & KEY_V && (a->v_null != b->v_null || (!a->v_null && a->v != b->v))) return false;
  if (q->keys & KEY_OK && a->ok != b->ok) return false;
  return !(q->keys & KEY_D) || a->d == b->d;
}

static const char *int_text(char *buf, bool null, int64_t v) {
  if (null) return strcpy(buf, "null");
  sprintf(buf, "%lld", (long long)v);
  return buf;
}

static bool is_repeat(const struct group *g, uint32_t row) {
  for (uint32_t k = 0; k < row; k++)
    if (!g->rows[k].v_null && g->rows[k].v == g->rows[row].v) return true;
  return false;
}

static void list_text(const char *name, const struct group *g, char *out) {
  int at = sprintf(out, "[");
  for (uint32_t i = 0; i < g->cnt; i++) {
    const struct row *r = &g->rows[i];
    const char *sep = at > 1 ? "," : "";
    if (!strcmp(name, "cs"))
      at += sprintf(out + at, "%s%s", sep, harness_cities[r->city]);
    else if (!strcmp(name, "ns"))
      at += sprintf(out + at, "%s%s", sep, r->name);
    else if (!r->v_null && (name[0] == 'v' || !is_repeat(g, i)))
      at += sprintf(out + at, "%s%lld", sep, (long long)r->v);
  }
  sprintf(out + at, "]");
}

static int compare_ints(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

static void sorted_set_text(const struct group *g, char *out) {
  int64_t values[1024];
  uint32_t n = 0;
  for (uint32_t i = 0; i < g->cnt && n < 1024; i++)
    if (!g->rows[i].v_null && !is_repeat(g, i)) values[n++] = g->rows[i].v;
  qsort(values, n, sizeof *values, compare_ints);
  int at = sprintf(out, "[");
  for (uint32_t i = 0; i < n; i++)
    at += sprintf(out + at, "%s%lld", i ? "," : "", (long long)values[i]);
  sprintf(out + at, "]");
}

static int compare_doubles(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static uint32_t sorted_values(const struct group *g, bool ok_only, int64_t *values) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < g->cnt && n < 4096; i++)
    if (!g->rows[i].v_null && (!ok_only || g->rows[i].ok)) values[n++] = g->rows[i].v;
  qsort(values, n, sizeof *values, compare_ints);
  return n;
}

static int64_t disc(const int64_t *values, uint32_t n, double p) {
  uint32_t rank = (uint32_t)ceil(p * n);
  return values[rank ? rank - 1 : 0];
}

/* Percentiles and most frequent values, from sorted copies. */
static bool rank_text(const char *name, const struct group *g, char *out) {
  static int64_t values[4096];
  static double ds[4096];
  char buf[64];
  bool of_list = !strcmp(name, "pl") || !strcmp(name, "pa");
  uint32_t n = sorted_values(g, !strcmp(name, "pok"), values);
  if (!strcmp(name, "med")) {
    n ? sprintf(out, "%.17g",
                (double)(values[(n - 1) / 2]) + (double)(values[n / 2] - values[(n - 1) / 2]) * 0.5)
      : sprintf(out, "null");
  } else if (!strcmp(name, "pd") || !strcmp(name, "pok")) {
    strcpy(out, int_text(buf, !n, n ? disc(values, n, name[1] == 'd' ? 0.25 : 0.5) : 0));
  } else if (of_list) {
    static const double ps[2][3] = {{0.1, 0.5, 1}, {0, 0.5, 0.99}};
    const double *p = ps[name[1] == 'a'];
    n ? sprintf(out, "[%lld,%lld,%lld]", (long long)disc(values, n, p[0]),
                (long long)disc(values, n, p[1]), (long long)disc(values, n, p[2]))
      : sprintf(out, "null");
  } else if (!strcmp(name, "p9")) {
    for (uint32_t i = 0; i < g->cnt; i++) ds[i] = g->rows[i].d;
    qsort(ds, g->cnt, sizeof *ds, compare_doubles);
    double at = (g->cnt - 1) * 0.9, low = floor(at), v = ds[(uint32_t)low];
    if (at > low) v += (ds[(uint32_t)low + 1] - v) * (at - low);
    sprintf(out, "%.17g", round(v * 1e6));
  } else if (!strcmp(name, "mode")) {
    uint32_t best = 0, run = 0;
    int64_t most = 0;
    for (uint32_t i = 0; i < n; i++) {
      run = i && values[i] == values[i - 1] ? run + 1 : 1;
      if (run > best) {
        best = run;
        most = values[i];
      }
    }
    strcpy(out, int_text(buf, !n, most));
  } else if (!strcmp(name, "top")) {
    const char *names[8];
    uint32_t cnt[8] = {0}, kinds = 0;
    for (uint32_t i = 0; i < g->cnt; i++) {
      uint32_t k = 0;
      while (k < kinds && strcmp(names[k], g->rows[i].name) != 0) k++;
      if (k == kinds) names[kinds++] = g->rows[i].name;
      cnt[k]++;
    }
    int at = sprintf(out, "[");
    for (uint32_t round = 0; round < 2 && round < kinds; round++) {
      uint32_t best = UINT32_MAX;
      for (uint32_t k = 0; k < kinds; k++)
        if (cnt[k] && (best == UINT32_MAX || cnt[k] > cnt[best] ||
                       (cnt[k] == cnt[best] && strcmp(names[k], names[best]) < 0)))
          best = k;
      at += sprintf(out + at, "%s%s", round ? "," : "", names[best]);
      cnt[best] = 0;
    }
    sprintf(out + at, "]");
  } else {
    return false;
  }
  return true;
}

/* From the sums of values and squares, which are whole: d is a tenth of an int, v an int. */
static void spread_text(const char *name, const struct group *g, char *out) {
  __extension__ __int128 sum = 0, squares = 0, n = 0;
  bool sample = !strcmp(name, "sdev");
  for (uint32_t i = 0; i < g->cnt; i++) {
    const struct row *r = &g->rows[i];
    int64_t x = sample ? (int64_t)lround(r->d * 10) : r->v;
    if (!sample && r->v_null) continue;
    n++;
    sum += x;
    squares += x * (__extension__(__int128) x);
  }
  if (n < 1 + sample) {
    strcpy(out, "null");
    return;
  }
  long double v = (long double)(n * squares - sum * sum) / (long double)(n * (n - sample));
  sprintf(out, "%.17g", (double)roundl((sample ? sqrtl(v / 100) : v) * 1e6L));
}

static uint32_t city_cnt(const struct group *g) {
  uint32_t seen = 0;
  for (uint32_t i = 0; i < g->cnt; i++) seen |= 1u << g->rows[i].city;
  return (uint32_t)__builtin_popcount(seen);
}

/* The value of a column over a group's rows, in their order of arrival. */
/* tidy:long one line per column of the table above */
static void value_text(const char *name, const struct group *g, char *out) {
  char buf[64];
  int64_t n = 0, nok = 0, sv = 0, minv = 0, maxv = 0, mint = INT64_MAX, maxt = INT64_MIN;
  double sd = 0, maxd = -INFINITY;
  const char *minc = NULL, *maxc = NULL, *minn = NULL, *maxn = NULL;
  const struct row *first = NULL, *last = NULL, *fv = NULL;
  uint32_t nv = 0, dn = 0;
  for (uint32_t i = 0; i < g->cnt; i++) {
    const struct row *r = &g->rows[i];
    const char *city = harness_cities[r->city];
    n++;
    nok += r->ok;
    sd += r->d;
    if (r->d > maxd) maxd = r->d;
    if (r->ts < mint) mint = r->ts;
    if (r->ts > maxt) maxt = r->ts;
    if (!minc || strcmp(city, minc) < 0) minc = city;
    if (!maxc || strcmp(city, maxc) > 0) maxc = city;
    if (!minn || strcmp(r->name, minn) < 0) minn = r->name;
    if (!maxn || strcmp(r->name, maxn) > 0) maxn = r->name;
    if (!first || r->ts < first->ts) first = r;
    if (!last || r->ts >= last->ts) last = r;
    bool known = false;
    for (uint32_t k = 0; k < i; k++) known |= strcmp(g->rows[k].name, r->name) == 0;
    dn += !known;
    if (r->v_null) continue;
    if (!fv || r->ts < fv->ts) fv = r;
    minv = !nv || r->v < minv ? r->v : minv;
    maxv = !nv || r->v > maxv ? r->v : maxv;
    sv += r->v;
    nv++;
  }
  if (!strcmp(name, "n"))
    int_text(out, false, n);
  else if (!strcmp(name, "nv"))
    int_text(out, false, nv);
  else if (!strcmp(name, "nok"))
    int_text(out, false, nok);
  else if (!strcmp(name, "sv"))
    int_text(out, !nv, sv);
  else if (!strcmp(name, "sd"))
    sprintf(out, "%.17g", sd);
  else if (!strcmp(name, "sdr"))
    sprintf(out, "%.17g", round(sd * 10));
  else if (!strcmp(name, "av"))
    nv ? sprintf(out, "%.17g", (double)sv / nv) : sprintf(out, "null");
  else if (!strcmp(name, "minv"))
    int_text(out, !nv, minv);
  else if (!strcmp(name, "maxv"))
    int_text(out, !nv, maxv);
  else if (!strcmp(name, "mint"))
    int_text(out, false, mint);
  else if (!strcmp(name, "maxt"))
    int_text(out, false, maxt);
  else if (!strcmp(name, "maxd"))
    sprintf(out, "%.17g", maxd);
  else if (!strcmp(name, "minc"))
    strcpy(out, minc);
  else if (!strcmp(name, "maxc"))
    strcpy(out, maxc);
  else if (!strcmp(name, "minn"))
    strcpy(out, minn);
  else if (!strcmp(name, "maxn"))
    strcpy(out, maxn);
  else if (!strcmp(name, "fn"))
    strcpy(out, first->name);
  else if (!strcmp(name, "ln"))
    strcpy(out, last->name);
  else if (!strcmp(name, "fv"))
    strcpy(out, int_text(buf, !fv, fv ? fv->v : 0));
  else if (!strcmp(name, "cs") || !strcmp(name, "vs") || !strcmp(name, "ns") ||
           !strcmp(name, "set"))
    list_text(name, g, out);
  else if (!strcmp(name, "sset"))
    sorted_set_text(g, out);
  else if (!strcmp(name, "dn") || !strcmp(name, "ad"))
    int_text(out, false, dn);
  else if (!strcmp(name, "sdev") || !strcmp(name, "vpop"))
    spread_text(name, g, out);
  else if (!strcmp(name, "ac"))
    int_text(out, false, city_cnt(g));
  else if (!strcmp(name, "len"))
    int_text(out, false, g->end - g->start);
  else if (!strcmp(name, "twice"))
    int_text(out, false, 2 * n);
  else if (!rank_text(name, g, out))
    fail_msg("no column %s", name);
}

static void group_line(const struct query *q, const struct group *g, struct lines *to) {
  char line[8000], text[4000], buf[64], names[400], *save = NULL;
  const struct row *r = &g->rows[0];
  int at = 0;
  if (q->size_us)
    at = sprintf(line, "window_start=%lld window_end=%lld", (long long)g->start, (long long)g->end);
  if (q->keys & KEY_CITY)
    at += sprintf(line + at, "%scity=%s", at ? " " : "", harness_cities[r->city]);
  if (q->keys & KEY_NAME) at += sprintf(line + at, "%sname=%s", at ? " " : "", r->name);
  if (q->keys & KEY_V)
    at += sprintf(line + at, "%sv=%s", at ? " " : "", int_text(buf, r->v_null, r->v));
  if (q->keys & KEY_OK)
    at += sprintf(line + at, "%sok=%s", at ? " " : "", r->ok ? "true" : "false");
  if (q->keys & KEY_D) at += sprintf(line + at, "%sd=%.17g", at ? " " : "", r->d);
  strcpy(names, q->columns);
  for (char *c = strtok_r(names, " ", &save); c; c = strtok_r(NULL, " ", &save)) {
    value_text(c, g, text);
    at += sprintf(line + at, "%s%s=%s", at ? " " : "", c, text);
  }
  lines_add(to, "%s", line);
}

static void add_to(struct oracle *o, const struct row *r, int64_t start, int64_t end) {
  struct group *g = NULL;
  for (uint32_t i = o->group_cnt; i-- > 0 && !g;)
    if (o->groups[i].start == start && o->groups[i].end == end &&
        same_key(o->q, &o->groups[i].rows[0], r))
      g = &o->groups[i];
  if (!g) {
    o->groups = realloc(o->groups, (o->group_cnt + 1) * sizeof *o->groups);
    g = &o->groups[o->group_cnt++];
    *g = (struct group){.start = start, .end = end};
  }
  g->rows = realloc(g->rows, (g->cnt + 1) * sizeof *g->rows);
  g->rows[g->cnt++] = *r;
}

void oracle_add(struct oracle *o, const struct row *r) {
  add_to(o, r, 0, 0);
  o->added_cnt++;
}

static int compare_time(const void *a, const void *b) {
  const struct row *x = a, *y = b;
  if (x->ts != y->ts) return x->ts < y->ts ? -1 : 1;
  return (x->id > y->id) - (x->id < y->id);
}

static void remove_group(struct oracle *o, uint32_t i) {
  free(o->groups[i].rows);
  memmove(o->groups + i, o->groups + i + 1, (--o->group_cnt - i) * sizeof *o->groups);
}

/* A session of the row's key that it may join: they touch, and its end is not past. */
static int64_t joinable(const struct oracle *o, const struct row *r, int64_t wm, int64_t skip,
                        int64_t start, int64_t end) {
  for (uint32_t i = 0; i < o->group_cnt; i++) {
    const struct group *g = &o->groups[i];
    if ((int64_t)i != skip && same_key(o->q, &g->rows[0], r) && g->end + o->lateness_us > wm &&
        start <= g->end && end >= g->start)
      return i;
  }
  return -1;
}

static void session_row(struct oracle *o, const struct row *r, int64_t wm) {
  int64_t start = r->ts, end = r->ts + o->q->gap_us;
  int64_t i = joinable(o, r, wm, -1, start, end);
  if (i < 0 && end + o->lateness_us <= wm) {
    o->late_cnt++;
    lines_add(&o->late, "%06llu", (unsigned long long)r->id);
    return;
  }
  o->added_cnt++;
  if (i < 0) {
    o->groups = realloc(o->groups, (o->group_cnt + 1) * sizeof *o->groups);
    i = o->group_cnt++;
    o->groups[i] = (struct group){.start = start, .end = end};
  }
  struct group *g = &o->groups[i];
  g->rows = realloc(g->rows, (g->cnt + 1) * sizeof *g->rows);
  g->rows[g->cnt++] = *r;
  g->start = start < g->start ? start : g->start;
  g->end = end > g->end ? end : g->end;
  for (int64_t k; (k = joinable(o, r, wm, i, g->start, g->end)) >= 0;) {
    struct group *other = &o->groups[k];
    g->rows = realloc(g->rows, (g->cnt + other->cnt) * sizeof *g->rows);
    memcpy(g->rows + g->cnt, other->rows, other->cnt * sizeof *g->rows);
    g->cnt += other->cnt;
    g->start = other->start < g->start ? other->start : g->start;
    g->end = other->end > g->end ? other->end : g->end;
    g->merged = true;
    o->merged_cnt++;
    remove_group(o, (uint32_t)k);
    i -= k < i;
    g = &o->groups[i];
  }
}

void oracle_row(struct oracle *o, const struct row *r, int64_t wm) {
  if ((o->q->pass && !o->q->pass(r)) || r->ts == MR_TIME_NONE) {
    o->filtered_cnt++;
    return;
  }
  if (o->q->gap_us) {
    session_row(o, r, wm);
    return;
  }
  int64_t start, end;
  uint32_t missed = 0, in_time = 0;
  for (uint32_t i = 0; window_at(o->q, r->ts, i, &start, &end); i++) {
    if (end + o->lateness_us <= wm) {
      missed++;
      continue;
    }
    in_time++;
    add_to(o, r, start, end);
  }
  o->added_cnt += in_time > 0;
  o->partial_cnt += in_time && missed;
  if (in_time) return;
  o->late_cnt++;
  lines_add(&o->late, "%06llu", (unsigned long long)r->id);
}

void oracle_lines(struct oracle *o) {
  for (uint32_t i = 0; i < o->group_cnt; i++) /* merged: by event time, then arrival */
    if (o->groups[i].merged)
      qsort(o->groups[i].rows, o->groups[i].cnt, sizeof(struct row), compare_time);
  for (uint32_t i = 0; i < o->group_cnt; i++) group_line(o->q, &o->groups[i], &o->out);
}

void oracle_end(struct oracle *o) {
  for (uint32_t i = 0; i < o->group_cnt; i++) free(o->groups[i].rows);
  free(o->groups);
  lines_free(&o->late);
  lines_free(&o->out);
}

void lines_contain(const struct lines *l, const struct lines *want) {
  uint32_t k = 0;
  for (uint32_t i = 0; i < want->cnt; i++) {
    while (k < l->cnt && strcmp(l->items[k], want->items[i]) < 0) k++;
    if (k == l->cnt || strcmp(l->items[k++], want->items[i]) != 0)
      fail_msg("not there: %s", want->items[i]);
  }
}

uint32_t keep_last(struct lines *l, const struct query *q) {
  char first[64];
  uint32_t gone = 0;
  snprintf(first, sizeof first, " %.*s=", (int)strcspn(q->columns, " "), q->columns);
  for (uint32_t i = 0; i < l->cnt; i++) {
    size_t len = (size_t)(strstr(l->items[i], first) - l->items[i]);
    for (uint32_t k = i + 1; k < l->cnt; k++) {
      if (strncmp(l->items[k], l->items[i], len + strlen(first)) != 0) continue;
      free(l->items[i]);
      l->items[i] = NULL;
      gone++;
      break;
    }
  }
  uint32_t n = 0;
  for (uint32_t i = 0; i < l->cnt; i++)
    if (l->items[i]) l->items[n++] = l->items[i];
  l->cnt = n;
  return gone;
}

/* ---- rows ---- */

struct row make_row(uint64_t seed, uint64_t id, int64_t step, uint32_t partitions) {
  static const char *const names[] = {"a", "b", "a longer name than 12",
                                      "zebra and some more text"};
  struct row r = {.id = id};
  uint64_t x = mr_rng_at(seed, id), y = mr_rng_at(seed ^ 1, id);
  r.ts = BASE + (int64_t)id * step + (int64_t)(x % 8) * step - 3 * step;
  if (x >> 8 & 1 && (x >> 9) % 10 == 0) r.ts -= (int64_t)((x >> 20) % 400) * step;
  if ((x >> 40) % 100 == 0) r.ts = MR_TIME_NONE;
  r.city = (uint8_t)(y % 4);
  r.partition = r.city % partitions;
  snprintf(r.name, sizeof r.name, "%s", names[(y >> 4) % 4]);
  r.v = (int64_t)((y >> 8) % 60) - 10;
  r.v_null = (y >> 20) % 7 == 0;
  r.d = (double)(int64_t)((y >> 24) % 1000) * 0.1;
  r.ok = y >> 40 & 1;
  return r;
}

const char *query_yaml(const struct query *q, const char *more) {
  static char text[4000];
  char names[400], *save = NULL;
  int at = 0;
  long long size = q->size_us / 1000, offset = q->offset_us / 1000;
  if (q->gap_us)
    at = sprintf(text, "window: { session: %lldms }\n", (long long)(q->gap_us / 1000));
  else if (q->slide_us)
    at = sprintf(text, "window: { hopping: %lldms, slide: %lldms, offset: %lldms }\n", size,
                 (long long)(q->slide_us / 1000), offset);
  else if (q->step_us)
    at = sprintf(text, "window: { cumulating: %lldms, step: %lldms, offset: %lldms }\n", size,
                 (long long)(q->step_us / 1000), offset);
  else if (q->size_us)
    at = sprintf(text, "window: { tumbling: %lldms, offset: %lldms }\n", size, offset);
  at += sprintf(text + at, "key: [%s]\n",
                q->keys == 0                     ? ""
                : q->keys == KEY_CITY            ? "city"
                : q->keys == KEY_NAME            ? "name"
                : q->keys == KEY_V               ? "v"
                : q->keys == (KEY_CITY | KEY_OK) ? "city, ok"
                : q->keys == KEY_D               ? "d"
                                                 : "city, name, v, ok");
  if (q->where) at += sprintf(text + at, "where: \"%s\"\n", q->where);
  at += sprintf(text + at, "select:\n");
  strcpy(names, q->columns);
  for (char *c = strtok_r(names, " ", &save); c; c = strtok_r(NULL, " ", &save))
    for (uint32_t i = 0; i < sizeof columns / sizeof *columns; i++)
      if (!strcmp(columns[i].name, c))
        at += sprintf(text + at, "  %s: \"%s\"\n", c, columns[i].expr);
  sprintf(text + at, "%s", more);
  return text;
}
