/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <string.h>

#include "base/rng.h"
#include "ring/ring.h"

static struct mr_region region;
static struct mr_error err;

static int set_up(void **state) {
  (void)state;
  return mr_region_create(&region, 1 << 20, MR_HUGE_OFF, &err);
}

static int tear_down(void **state) {
  (void)state;
  mr_region_destroy(&region);
  return 0;
}

static struct mr_link *link_of(uint32_t capacity) {
  struct mr_link *link = mr_link_new(&region, capacity, "link", &err);
  assert_non_null(link);
  return link;
}

MR_TEST(a_link_holds_its_capacity_and_its_control_items_beside) {
  MR_UNUSED_STATE;
  static const uint32_t capacities[] = {1, 2, 3, 61, 62, 63, 64, 100, MR_LINK_ITEMS_MAX};
  for (size_t k = 0; k < sizeof capacities / sizeof capacities[0]; k++) {
    uint32_t capacity = capacities[k];
    struct mr_link *link = link_of(capacity);
    assert_int_equal(mr_link_room(link), capacity);
    assert_int_equal(region.parts[region.part_cnt - 1].sz, mr_link_footprint(capacity));
    uint64_t next = 1, off;
    for (uint32_t i = 0; i < capacity; i++) {
      assert_true(mr_link_has_room(link, 1));
      mr_link_send(link, next++);
      assert_int_equal(mr_link_room(link), capacity - 1 - i);
    }
    assert_false(mr_link_has_room(link, 1));
    for (uint32_t i = 0; i < MR_LINK_CONTROL; i++) assert_true(mr_link_send_control(link, next++));
    assert_false(mr_link_send_control(link, next));
    assert_int_equal(mr_link_depth(link), capacity + MR_LINK_CONTROL);
    for (uint64_t want = 1; want < next; want++) {
      assert_int_equal(mr_link_take(link, &off, 1), 1);
      assert_int_equal(off, want);
    }
    assert_int_equal(mr_link_take(link, &off, 1), 0);
    assert_int_equal(mr_link_room(link), capacity);
  }
}

MR_TEST(capacities_out_of_range_are_refused) {
  MR_UNUSED_STATE;
  assert_int_equal(mr_link_footprint(0), 0);
  assert_int_equal(mr_link_footprint(MR_LINK_ITEMS_MAX + 1), 0);
  assert_int_equal(mr_return_footprint(0), 0);
  assert_int_equal(mr_return_footprint(MR_RETURN_ITEMS_MAX + 1), 0);
  assert_null(mr_link_new(&region, 0, "link a-b", &err));
  assert_int_equal(err.code, MR_ERR_ARG);
  assert_non_null(strstr(err.text, "link a-b"));
  assert_null(mr_return_new(&region, 0, "back", &err));
  assert_int_equal(err.code, MR_ERR_ARG);
}

MR_TEST(a_region_that_is_used_up_refuses_a_link) {
  MR_UNUSED_STATE;
  assert_null(mr_return_new(&region, 1 << 20, "back", &err));
  assert_int_equal(err.code, MR_ERR_NOMEM);
  while (mr_link_new(&region, MR_LINK_ITEMS_MAX, "link", &err)) {}
  assert_int_equal(err.code, MR_ERR_NOMEM);
}

MR_TEST(take_gives_the_oldest_items_in_order) {
  MR_UNUSED_STATE;
  struct mr_link *link = link_of(8);
  uint64_t offs[16];
  for (uint64_t i = 1; i <= 8; i++) mr_link_send(link, i * 64);
  assert_int_equal(mr_link_take(link, offs, 3), 3);
  for (uint64_t i = 0; i < 3; i++) assert_int_equal(offs[i], (i + 1) * 64);
  assert_int_equal(mr_link_take(link, offs, 16), 5);
  for (uint64_t i = 0; i < 5; i++) assert_int_equal(offs[i], (i + 4) * 64);
  assert_int_equal(mr_link_take(link, offs, 16), 0);
}

MR_TEST(room_that_is_remembered_is_looked_up_again_when_it_is_short) {
  MR_UNUSED_STATE;
  struct mr_link *link = link_of(4);
  uint64_t offs[4];
  for (uint64_t i = 1; i <= 4; i++) mr_link_send(link, i);
  assert_false(mr_link_has_room(link, 1));
  assert_int_equal(mr_link_take(link, offs, 3), 3);
  assert_true(mr_link_has_room(link, 3));
  assert_false(mr_link_has_room(link, 4));
}

MR_TEST(control_items_keep_their_place_among_data) {
  MR_UNUSED_STATE;
  struct mr_link *link = link_of(2);
  uint64_t offs[8];
  mr_link_send(link, 10);
  assert_true(mr_link_send_control(link, 20));
  mr_link_send(link, 30);
  assert_true(mr_link_send_control(link, 40));
  assert_int_equal(mr_link_take(link, offs, 8), 4);
  for (uint64_t i = 0; i < 4; i++) assert_int_equal(offs[i], (i + 1) * 10);
}

MR_TEST(control_items_take_no_room_of_data_and_data_none_of_theirs) {
  MR_UNUSED_STATE;
  struct mr_link *link = link_of(3);
  uint64_t off;
  assert_true(mr_link_send_control(link, 1));
  assert_int_equal(mr_link_room(link), 3);
  assert_int_equal(mr_link_take(link, &off, 1), 1); /* its message is not done, its slot is free */
  assert_int_equal(mr_link_room(link), 3);
  for (uint64_t i = 0; i < 3; i++) mr_link_send(link, 2 + i);
  assert_int_equal(mr_link_room(link), 0);
  assert_true(mr_link_send_control(link, 5));
  assert_true(mr_link_send_control(link, 6));
  assert_false(mr_link_send_control(link, 7));
  assert_int_equal(mr_link_take(link, &off, 1), 1);
  assert_int_equal(off, 2);
  assert_int_equal(mr_link_room(link), 1);
  assert_false(mr_link_send_control(link, 7));
}

MR_TEST(messages_of_control_items_are_used_in_turn_when_the_reader_is_done) {
  MR_UNUSED_STATE;
  struct mr_link *link = link_of(1);
  uint64_t offs[4];
  for (uint64_t round = 0; round < 1000; round++) {
    int32_t first = (int32_t)(round * 3 % MR_LINK_CONTROL);
    assert_int_equal(mr_link_control_next(link), first);
    assert_true(mr_link_send_control(link, 1));
    assert_int_equal(mr_link_control_next(link), (first + 1) % 2);
    assert_true(mr_link_send_control(link, 2));
    assert_int_equal(mr_link_control_next(link), -1);
    assert_int_equal(mr_link_take(link, offs, 4), 2);
    assert_int_equal(mr_link_control_next(link), -1);
    mr_link_control_done(link);
    assert_int_equal(mr_link_control_next(link), first);
    assert_true(mr_link_send_control(link, 3));
    assert_int_equal(mr_link_control_next(link), -1);
    mr_link_control_done(link);
    assert_int_equal(mr_link_take(link, offs, 4), 1);
    mr_link_control_done(link);
  }
}

/* Against a plain queue, one thread; passes the index's wrap in each run. */
static void run_random(uint64_t seed) {
  struct mr_rng rng;
  mr_rng_init(&rng, seed);
  uint32_t capacity = 1 + mr_rng_below(mr_rng_next(&rng), 9);
  struct mr_link *link = link_of(capacity);
  uint64_t queue[32], sent = 0, taken = 0, offs[16];
  bool control[32];
  uint32_t data = 0, controls = 0;
  print_message("seed %llu, capacity %u\n", (unsigned long long)seed, capacity);
  for (int step = 0; step < 3000; step++) {
    uint64_t r = mr_rng_next(&rng);
    switch (r % 5) {
    case 0:
    case 1:
      assert_int_equal(mr_link_has_room(link, 1), data < capacity);
      if (data == capacity) break;
      mr_link_send(link, r | 1);
      queue[sent % 32] = r | 1;
      control[sent++ % 32] = false;
      data++;
      break;
    case 2:
      assert_int_equal(mr_link_send_control(link, r | 1), controls < MR_LINK_CONTROL);
      if (controls == MR_LINK_CONTROL) break;
      queue[sent % 32] = r | 1;
      control[sent++ % 32] = true;
      controls++;
      break;
    default: {
      uint32_t want = 1 + (uint32_t)(r >> 32) % 4, n = mr_link_take(link, offs, want);
      uint64_t left = sent - taken;
      assert_int_equal(n, want < left ? want : left);
      for (uint32_t i = 0; i < n; i++, taken++) {
        assert_int_equal(offs[i], queue[taken % 32]);
        if (control[taken % 32])
          controls--;
        else
          data--;
      }
    }
    }
    assert_int_equal(mr_link_depth(link), sent - taken);
    if (r >> 60 == 0) assert_int_equal(mr_link_room(link), capacity - data);
  }
}

MR_TEST(a_link_does_what_a_plain_queue_does) {
  MR_UNUSED_STATE;
  for (uint64_t seed = 1; seed <= 30; seed++) run_random(seed);
}

MR_TEST(a_return_ring_takes_all_batches_at_once) {
  MR_UNUSED_STATE;
  static const uint32_t cnts[] = {1, 2, 7, 8, 9, 1000};
  for (size_t k = 0; k < sizeof cnts / sizeof cnts[0]; k++) {
    struct mr_return *ret = mr_return_new(&region, cnts[k], "back", &err);
    assert_non_null(ret);
    assert_int_equal(region.parts[region.part_cnt - 1].sz, mr_return_footprint(cnts[k]));
    uint64_t offs[1000];
    for (int round = 0; round < 5; round++) {
      for (uint64_t i = 1; i <= cnts[k]; i++) mr_return_send(ret, i + (uint64_t)round);
      assert_int_equal(mr_return_take(ret, offs, 1000), cnts[k]);
      for (uint64_t i = 1; i <= cnts[k]; i++) assert_int_equal(offs[i - 1], i + (uint64_t)round);
    }
    assert_int_equal(mr_return_take(ret, offs, 1000), 0);
  }
}

MR_TEST(writer_and_reader_have_cache_lines_of_their_own) {
  MR_UNUSED_STATE;
  struct mr_link *link = link_of(64);
  uintptr_t at = (uintptr_t)link, ring = (uintptr_t)link->ring;
  assert_int_equal(at % MR_CACHE_LINE_PAIR, 0);
  assert_true(offsetof(struct mr_link, room) % MR_CACHE_LINE_PAIR == 0);
  assert_true(offsetof(struct mr_link, control_done) % MR_CACHE_LINE_PAIR == 0);
  assert_true(offsetof(struct mr_link, control_done) > offsetof(struct mr_link, room) + 64);
  assert_true(ring >= at + sizeof *link && ring % 64 == 0);
}

#define IN_REGION(sentence) cmocka_unit_test_setup_teardown(sentence, set_up, tear_down)

static const struct CMUnitTest cases[] = {
    IN_REGION(a_link_holds_its_capacity_and_its_control_items_beside),
    IN_REGION(capacities_out_of_range_are_refused),
    IN_REGION(a_region_that_is_used_up_refuses_a_link),
    IN_REGION(take_gives_the_oldest_items_in_order),
    IN_REGION(room_that_is_remembered_is_looked_up_again_when_it_is_short),
    IN_REGION(control_items_keep_their_place_among_data),
    IN_REGION(control_items_take_no_room_of_data_and_data_none_of_theirs),
    IN_REGION(messages_of_control_items_are_used_in_turn_when_the_reader_is_done),
    IN_REGION(a_link_does_what_a_plain_queue_does),
    IN_REGION(a_return_ring_takes_all_batches_at_once),
    IN_REGION(writer_and_reader_have_cache_lines_of_their_own),
};
MR_MAIN(cases)
