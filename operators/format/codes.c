/* SPDX-License-Identifier: Apache-2.0 */
#include "format/codes.h"

#include "base/rng.h"

#define SHORT_MAX 15u /* bytes of a text that the table holds */
#define TRIES     256u

static bool needs_escape(const char *p, uint32_t len) {
  for (uint32_t i = 0; i < len; i++) {
    if (p[i] == '"' || p[i] == '\\' || (unsigned char)p[i] < 0x20) return true;
  }
  return false;
}

static void make_entry(uint8_t entry[16], const char *p, uint32_t len) {
  memset(entry, 0, 16);
  memcpy(entry, p, len);
  entry[15] = (uint8_t)len;
}

static uint32_t first_slot(const struct mr_codes *codes, const uint8_t entry[16]) {
  uint64_t low;
  memcpy(&low, entry, 8);
  return (uint32_t)mr_codes_slot(codes, low);
}

/* Fills the table; returns how many texts do not stand in their first place. */
static uint32_t fill(struct mr_codes *codes) {
  uint32_t moved = 0;
  for (uint32_t i = 0; i <= codes->mask; i++) memset(codes->entries[i], 0xff, 16);
  for (uint32_t c = 0; c < codes->texts->cnt; c++) {
    if (codes->texts->lens[c] > SHORT_MAX) continue;
    uint8_t entry[16];
    make_entry(entry, codes->texts->texts[c], codes->texts->lens[c]);
    uint32_t i = first_slot(codes, entry);
    moved += codes->entries[i][15] != 0xff;
    while (codes->entries[i][15] != 0xff) i = (i + 1) & codes->mask;
    memcpy(codes->entries[i], entry, 16);
    codes->codes[i] = (uint8_t)c;
  }
  return moved;
}

/* The text and its end, `end_len` quotes, as far as eight bytes go. */
static uint64_t first_word(const struct mr_enum *texts, uint32_t c, uint32_t end_len) {
  char quoted[8] = {0};
  uint32_t len = texts->lens[c] < 8 ? texts->lens[c] : 8;
  memcpy(quoted, texts->texts[c], len);
  if (len < 8 && end_len) quoted[len] = '"';
  return mr_scan_load8(quoted);
}

/* Puts the texts into their places in the table of cnt; false: two have the same. Empty places hold
 * a newline, which no text has that is looked for here, and a length that no text has. */
static bool fill_quick(const struct mr_codes *codes, const struct mr_codes_table *table,
                       struct mr_codes_quick *quick, uint32_t cnt, uint32_t end_len) {
  memset(quick, 0, cnt * sizeof *quick);
  for (uint32_t i = 0; i < cnt; i++) {
    quick[i].text[0] = '\n';
    quick[i].mask[0] = 0xff;
    quick[i].len = UINT8_MAX;
  }
  for (uint32_t c = 0; c < codes->texts->cnt; c++) {
    uint64_t low = first_word(codes->texts, c, end_len) & table->bytes;
    struct mr_codes_quick *q = &quick[low * table->factor >> table->shift];
    uint32_t len = codes->texts->lens[c];
    if (q->len != UINT8_MAX) return false;
    memset(q->text, 0, sizeof q->text);
    memcpy(q->text, codes->texts->texts[c], len);
    memset(q->mask, 0, sizeof q->mask);
    memset(q->mask, 0xff, len + end_len);
    if (end_len) q->text[len] = '"';
    q->code = (uint8_t)c;
    q->len = (uint8_t)(len + end_len);
  }
  /* JSON takes a match for what it is, so at the end of a line an empty place leads nowhere. */
  for (uint32_t i = 0; end_len && i < cnt; i++)
    if (quick[i].len == UINT8_MAX) quick[i].len = 0;
  return true;
}

/* Of one_of with short texts. */
static void make_quick(const struct mr_codes *codes, struct mr_arena *arena,
                       struct mr_codes_table *table, uint32_t end_len) {
  uint32_t least = SHORT_MAX;
  for (uint32_t c = 0; c < codes->texts->cnt; c++) {
    if (codes->texts->lens[c] > SHORT_MAX) return;
    if (codes->texts->lens[c] < least) least = codes->texts->lens[c];
  }
  uint32_t bytes = least + end_len;
  if (!bytes) return;
  table->bytes = bytes >= 8 ? UINT64_MAX : (UINT64_C(1) << bytes * 8) - 1;
  table->shift = codes->shift;
  struct mr_codes_quick *quick =
      mr_arena_alloc(arena, (codes->mask + 1) * sizeof(struct mr_codes_quick));
  for (uint32_t i = 0; i < TRIES; i++) {
    table->factor = mr_rng_at(2, i) | 1;
    if (!fill_quick(codes, table, quick, codes->mask + 1, end_len)) continue;
    table->texts = quick;
    return;
  }
}

struct mr_codes *mr_codes_create(struct mr_arena *arena, const struct mr_enum *texts) {
  struct mr_codes *codes = MR_NEW(arena, struct mr_codes, 1);
  uint32_t bits = 4;
  while ((1u << bits) < texts->cnt * 4) bits++;
  codes->texts = texts;
  codes->shift = 64 - bits;
  codes->mask = (1u << bits) - 1;
  codes->entries = mr_arena_alloc(arena, (size_t)16 << bits);
  codes->codes = MR_NEW(arena, uint8_t, 1u << bits);
  codes->plain = true;
  for (uint32_t c = 0; c < texts->cnt; c++)
    codes->plain &= !needs_escape(texts->texts[c], texts->lens[c]);
  uint64_t best = 0;
  uint32_t best_moved = UINT32_MAX;
  for (uint32_t i = 0; i < TRIES && best_moved; i++) {
    codes->factor = mr_rng_at(1, i) | 1;
    uint32_t moved = fill(codes);
    if (moved < best_moved) {
      best_moved = moved;
      best = codes->factor;
    }
  }
  codes->factor = best;
  fill(codes);
  make_quick(codes, arena, &codes->bare, 0);
  if (codes->plain) make_quick(codes, arena, &codes->quoted, 1);
  return codes;
}

int32_t mr_codes_find(const struct mr_codes *codes, const char *p, uint32_t len) {
  if (len > SHORT_MAX) {
    for (uint32_t c = 0; c < codes->texts->cnt; c++) {
      if (codes->texts->lens[c] == len && memcmp(codes->texts->texts[c], p, len) == 0)
        return (int32_t)c;
    }
    return -1;
  }
  uint64_t low;
  struct mr_scan_entry e = mr_scan_entry(p, len, &low);
  for (uint64_t i = mr_codes_slot(codes, low);; i = (i + 1) & codes->mask) {
    if (mr_scan_entry_equal(e, codes->entries[i])) return codes->codes[i];
    if (codes->entries[i][15] == 0xff) return -1;
  }
}
