/* SPDX-License-Identifier: Apache-2.0 */
/* The result lines and the JSON object of pairs.h. */
#include <string.h>

#include "base/hash.h"
#include "lib/pairs.h"

static double goal_of(const struct mr_goal *goal, enum mr_placement p) {
  return p == MR_FAR && goal->far > 0 ? goal->far : goal->near;
}

static const char *sign_of(const struct mr_bench *b) {
  return b->lower_is_better ? "<=" : ">=";
}

static void print_ratio(const struct mr_pairs_result *r, enum mr_placement p, FILE *out) {
  const struct mr_bench *b = r->bench;
  const struct mr_pairs_class *c = &r->by[p];
  fprintf(out, "  ratio %.3f [%.3f..%.3f, IQR %.3f..%.3f]", c->ratio.median, c->ratio.min,
          c->ratio.max, c->ratio.q1, c->ratio.q3);
  double now = goal_of(&b->now, p), later = goal_of(&b->later, p);
  if (now > 0) fprintf(out, "  now %s %.2f: %s", sign_of(b), now, c->met ? "met" : "NOT met");
  if (later > 0) fprintf(out, ", goal %s %.2f", sign_of(b), later);
}

static void print_class(const struct mr_pairs_result *r, const struct mr_pairs_opt *opt,
                        enum mr_placement p, FILE *out) {
  const struct mr_bench *b = r->bench;
  const struct mr_pairs_class *c = &r->by[p];
  uint32_t want = opt->pairs ? opt->pairs : 9;
  fprintf(out, "%-16s %-7s %4.0f ns  ", b->name, mr_placement_str(p), c->round_trip_ns);
  if (r->has_engine) fprintf(out, "engine %8.2f  ", c->engine.median);
  if (r->has_plain) fprintf(out, "plain %8.2f ", c->plain.median);
  fputs(b->unit, out);
  if (c->of_record > 0) fprintf(out, " (%.2f of the record)", c->of_record);
  if (r->has_engine && r->has_plain) print_ratio(r, p, out);
  if (r->has_engine && b->limit_now > 0)
    fprintf(out, "  now %s %g %s: %s", sign_of(b), b->limit_now, b->unit,
            c->limit_met ? "met" : "NOT met");
  if (r->has_engine && b->limit_later > 0) fprintf(out, ", goal %s %g", sign_of(b), b->limit_later);
  if (r->has_engine && !r->has_plain) fprintf(out, "  [%.2f..%.2f]", c->engine.min, c->engine.max);
  fprintf(out, "  %u pairs", c->cnt);
  if (c->cnt < want) fprintf(out, " (fewer than %u)", want);
  if (c->weak) fprintf(out, "  weak baseline: does not count");
  fputc('\n', out);
}

void mr_pairs_print(const struct mr_pairs_result *r, const struct mr_pairs_opt *opt, FILE *out) {
  if (r->error[0]) {
    fprintf(out, "%-16s no figure: %s\n", r->bench->name, r->error);
    return;
  }
  bool any = false;
  for (int p = 0; p < MR_PLACEMENT_CNT; p++) {
    if (!r->by[p].cnt) continue;
    print_class(r, opt, (enum mr_placement)p, out);
    any = true;
  }
  if (!any)
    fprintf(out, "%-16s no clean pair in %u tries (%u: others used the machine, %u: CPUs moved)\n",
            r->bench->name, r->tries, r->dropped_others, r->dropped_moved);
}

static void put_text(FILE *out, const char *text) {
  fputc('"', out);
  for (const char *p = text; *p; p++) {
    unsigned char ch = (unsigned char)*p;
    if (ch == '"' || ch == '\\')
      fprintf(out, "\\%c", ch);
    else if (ch == '\n')
      fputs("\\n", out);
    else if (ch < 0x20)
      fprintf(out, "\\u%04x", ch);
    else
      fputc(ch, out);
  }
  fputc('"', out);
}

static void put_spread(FILE *out, const char *name, const struct mr_spread *s) {
  fprintf(out, "\"%s\":{\"median\":%.6g,\"min\":%.6g,\"max\":%.6g,\"q1\":%.6g,\"q3\":%.6g}", name,
          s->median, s->min, s->max, s->q1, s->q3);
}

static void put_class(FILE *out, const struct mr_pairs_result *r, enum mr_placement p) {
  const struct mr_bench *b = r->bench;
  const struct mr_pairs_class *c = &r->by[p];
  fprintf(out, "{\"class\":\"%s\",\"pairs\":%u,\"round_trip_ns\":%.1f,", mr_placement_str(p),
          c->cnt, c->round_trip_ns);
  if (r->has_plain) put_spread(out, "plain", &c->plain);
  if (r->has_engine && r->has_plain) fputc(',', out);
  if (r->has_engine) put_spread(out, "engine", &c->engine);
  if (r->has_engine && r->has_plain) {
    fputc(',', out);
    put_spread(out, "ratio", &c->ratio);
  }
  fprintf(out,
          ",\"plain_of_record\":%.4f,\"weak_baseline\":%s,\"goal_now\":%g,\"goal_later\":%g,"
          "\"met\":%s,\"limit_now\":%g,\"limit_later\":%g,\"limit_met\":%s}",
          c->of_record, c->weak ? "true" : "false", goal_of(&b->now, p), goal_of(&b->later, p),
          c->met ? "true" : "false", b->limit_now, b->limit_later, c->limit_met ? "true" : "false");
}

static void put_pairs(FILE *out, const struct mr_pairs_result *r) {
  fputs(",\"pairs\":[", out);
  for (uint32_t i = 0; i < r->tries; i++) {
    const struct mr_pair *p = &r->pairs[i];
    fprintf(out,
            "%s{\"class\":\"%s\",\"round_trip_ns\":%.1f,\"plain\":%.6g,\"engine\":%.6g,"
            "\"ratio\":%.5f,\"others\":%.4f,\"clean\":%s}",
            i ? "," : "", mr_placement_str(p->placement), p->round_trip_ns, p->plain, p->engine,
            p->ratio, p->others, p->clean ? "true" : "false");
  }
  fputc(']', out);
}

void mr_pairs_json(const struct mr_pairs_result *r, struct mr_bench_run *run,
                   const struct mr_pairs_opt *opt, FILE *out) {
  const struct mr_bench *b = r->bench;
  fputs("{\"benchmark\":", out);
  put_text(out, b->name);
  fputs(",\"what\":", out);
  put_text(out, b->what);
  fputs(",\"unit\":", out);
  put_text(out, b->unit);
  fprintf(out, ",\"lower_is_better\":%s,\"seed\":%llu,\"scale\":%g,\"pairs_wanted\":%u,",
          b->lower_is_better ? "true" : "false", (unsigned long long)run->seed, run->scale,
          opt->pairs ? opt->pairs : 9);
  fputs("\"machine\":", out);
  mr_machine_json(run->machine, out);
  fprintf(out, ",\"record\":{\"near\":%g,\"far\":%g,\"text\":", b->record_near, b->record_far);
  put_text(out, b->record_text ? b->record_text : "");
  fprintf(out, "},\"events\":%llu,\"out_rows\":%llu,\"out_hash\":\"%016llx\",\"outputs_equal\":%s",
          (unsigned long long)r->plain_out.events, (unsigned long long)r->plain_out.out_rows,
          (unsigned long long)r->plain_out.out_hash,
          r->has_engine && r->has_plain && !b->no_output ? (r->outputs_equal ? "true" : "false")
                                                         : "null");
  fprintf(out, ",\"tries\":%u,\"dropped_others\":%u,\"dropped_moved\":%u", r->tries,
          r->dropped_others, r->dropped_moved);
  fputs(",\"error\":", out);
  if (r->error[0])
    put_text(out, r->error);
  else
    fputs("null", out);
  fputs(",\"classes\":[", out);
  for (int p = 0, any = 0; p < MR_PLACEMENT_CNT; p++) {
    if (!r->by[p].cnt) continue;
    if (any++) fputc(',', out);
    put_class(out, r, (enum mr_placement)p);
  }
  fputc(']', out);
  put_pairs(out, r);
  const char *plan = b->plan && r->has_engine ? b->plan(run) : NULL;
  if (plan) {
    fprintf(out, ",\"plan_hash\":\"%016llx\",\"plan\":",
            (unsigned long long)mr_hash_bytes(plan, strlen(plan)));
    put_text(out, plan);
  }
  fputs("}\n", out);
}
