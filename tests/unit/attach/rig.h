/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_TESTS_UNIT_ATTACH_RIG_H
#define MR_TESTS_UNIT_ATTACH_RIG_H

/* A small graph's segment for the tests of this room: feed -> severe -> by_type (2 instances) ->
 * out, and a dead-letter writer of the planner's. */

#include "test.h"

#include <string.h>

#include "attach/attach.h"
#include "attach/snapshot.h"
#include "shm/segment.h"
#include "stats/stats.h"

enum { FEED, SEVERE, BY_TYPE_0, BY_TYPE_1, OUT, DEAD, NODE_CNT };
enum { FEED_SEVERE, SEVERE_0, SEVERE_1, ZERO_OUT, ONE_OUT, FEED_DEAD, LINK_CNT };

struct rig {
  struct mr_segment seg;
  struct mr_stats stats;
};

static const struct mr_stats_node_conf rig_nodes[NODE_CNT] = {
    [FEED] = {.name = "feed", .type = "generate", .worker = 0, .kind = MR_STAT_SOURCE},
    [SEVERE] =
        {.name = "severe", .type = "filter", .worker = 1, .kind = MR_STAT_STEP, .input = FEED + 1},
    [BY_TYPE_0] = {.name = "by_type",
                   .type = "window",
                   .worker = 0,
                   .kind = MR_STAT_STEP,
                   .input = SEVERE + 1},
    [BY_TYPE_1] = {.name = "by_type",
                   .type = "window",
                   .instance = 1,
                   .worker = 1,
                   .kind = MR_STAT_STEP,
                   .input = SEVERE + 1},
    [OUT] =
        {.name = "out", .type = "file", .worker = 2, .kind = MR_STAT_SINK, .input = BY_TYPE_0 + 1},
    [DEAD] = {.name = "feed.errors",
              .type = "dead_letter",
              .worker = 2,
              .kind = MR_STAT_SINK,
              .internal = true},
};
static const struct mr_stats_link_conf rig_links[LINK_CNT] = {
    [FEED_SEVERE] = {FEED, SEVERE, 64},   [SEVERE_0] = {SEVERE, BY_TYPE_0, 64},
    [SEVERE_1] = {SEVERE, BY_TYPE_1, 64}, [ZERO_OUT] = {BY_TYPE_0, OUT, 64},
    [ONE_OUT] = {BY_TYPE_1, OUT, 64},     [FEED_DEAD] = {FEED, DEAD, 64},
};
static const struct mr_stats_path_conf rig_paths[] = {{FEED, OUT}};
static const struct mr_stats_partition_conf rig_partitions[] = {{FEED, 0}};

#define RIG_PLAN "{\"graph\":\"city\"}"

/* Makes the segment in dir (NULL: private memory), published. */
__attribute__((unused)) static void rig_open(struct rig *rig, const char *dir, const char *graph) {
  const struct mr_stats_conf conf = {.nodes = rig_nodes,
                                     .links = rig_links,
                                     .paths = rig_paths,
                                     .partitions = rig_partitions,
                                     .node_cnt = NODE_CNT,
                                     .link_cnt = LINK_CNT,
                                     .path_cnt = 1,
                                     .partition_cnt = 1,
                                     .worker_cnt = 3,
                                     .plan = RIG_PLAN,
                                     .plan_len = sizeof RIG_PLAN - 1};
  struct mr_error err;
  struct mr_segment_conf seg_conf = {.dir = dir,
                                     .graph = graph,
                                     .version = "0.1.0",
                                     .generation = 1,
                                     .body_sz = mr_stats_footprint(&conf)};
  assert_true(seg_conf.body_sz > 0);
  assert_int_equal(mr_segment_create(&rig->seg, &seg_conf, &err), MR_OK);
  mr_stats_init(&rig->stats, rig->seg.base, rig->seg.head->body_off, &conf);
  assert_int_equal(mr_segment_publish(&rig->seg, mr_stats_layout_hash(&rig->stats), &err), MR_OK);
}

__attribute__((unused)) static void rig_attach(const struct rig *rig, struct mr_attach *attach) {
  assert_int_equal(mr_attach_memory(attach, rig->seg.base, rig->seg.sz), MR_ATTACH_OK);
}

__attribute__((unused)) static void rig_close(struct rig *rig) {
  mr_segment_discard(&rig->seg);
}

#endif
