/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <string.h>

#include "base/arena.h"
#include "base/rng.h"

MR_TEST(blocks_are_zeroed_aligned_and_apart) {
  MR_UNUSED_STATE;
  struct mr_arena arena = {0};
  unsigned char *blocks[600];
  size_t sizes[600], sum = 0;
  for (uint32_t i = 0; i < 600; i++) {
    /* small ones, and some larger than a chunk */
    sizes[i] = i % 50 == 49 ? 20000 + i : mr_rng_at(1, i) % 300;
    blocks[i] = mr_arena_alloc(&arena, sizes[i]);
    assert_non_null(blocks[i]);
    assert_int_equal((uintptr_t)blocks[i] % 16, 0);
    for (size_t k = 0; k < sizes[i]; k++) assert_int_equal(blocks[i][k], 0);
    memset(blocks[i], (int)(i % 251) + 1, sizes[i]);
    sum += sizes[i];
  }
  for (uint32_t i = 0; i < 600; i++)
    for (size_t k = 0; k < sizes[i]; k++) assert_int_equal(blocks[i][k], (int)(i % 251) + 1);
  assert_true(arena.used_bytes >= sum);
  mr_arena_free(&arena);
  assert_null(arena.head);
  assert_int_equal(arena.used_bytes, 0);
}

MR_TEST(texts_are_copied_and_ended) {
  MR_UNUSED_STATE;
  struct mr_arena arena = {0};
  const char source[] = "citykubernetes";
  assert_string_equal(mr_arena_strndup(&arena, source, 4), "city");
  assert_string_equal(mr_arena_strndup(&arena, NULL, 0), "");
  char *copy = mr_arena_strdup(&arena, source);
  assert_string_equal(copy, source);
  assert_ptr_not_equal(copy, source);
  mr_arena_free(&arena);
}

MR_TEST(printf_gives_texts_of_any_length) {
  MR_UNUSED_STATE;
  struct mr_arena arena = {0};
  assert_string_equal(mr_arena_printf(&arena, "%s.%d", "node", 7), "node.7");
  char *text = mr_arena_printf(&arena, "%*d|", 50000, 1);
  assert_int_equal(strlen(text), 50001);
  assert_int_equal(text[49999], '1');
  int *numbers = MR_NEW(&arena, int, 3);
  assert_int_equal(numbers[2], 0);
  mr_arena_free(&arena);
}

MR_TEST(an_arena_can_be_used_again_after_free) {
  MR_UNUSED_STATE;
  struct mr_arena arena = {0};
  for (int round = 0; round < 3; round++) {
    char *p = mr_arena_alloc(&arena, 100);
    assert_int_equal(p[99], 0);
    p[99] = 1;
    mr_arena_free(&arena);
  }
}

static const struct CMUnitTest cases[] = {
    MR_CASE(blocks_are_zeroed_aligned_and_apart),
    MR_CASE(texts_are_copied_and_ended),
    MR_CASE(printf_gives_texts_of_any_length),
    MR_CASE(an_arena_can_be_used_again_after_free),
};
MR_MAIN(cases)
