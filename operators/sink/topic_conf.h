/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_SINK_TOPIC_CONF_H
#define MR_SINK_TOPIC_CONF_H

/* Where a graph's topics are, and what a sink makes one with: shared by the source, the sink and
 * the verbs of the command line. */

#include "graph/op.h"
#include "graph/opt.h"
#include "io/io.h"
#include "topic/topic.h"

/* Words of options, in the order of the enums of the topic room. */
extern const char *const mr_topic_syncs[], *const mr_topic_codecs[];

struct mr_topic_retention {
  int64_t age_us; /* 0: for ever */
  uint64_t size;  /* bytes of a partition, 0: any */
};

/* Options of a sink. */
struct mr_topic_sink_conf {
  const char *topic, *dir;
  struct mr_opt_expr key;
  int value;
  int64_t partitions;
  bool partitions_given;
  int create, sync, compression, delivery;
  int64_t sync_every_us;
  bool sync_given, compression_given, segment_given, retention_given;
  struct mr_topic_retention retention;
  uint64_t segment_sz;
};
enum mr_topic_value { MR_TOPIC_VALUE_JSON, MR_TOPIC_VALUE_RAW };
enum mr_topic_delivery { MR_TOPIC_EXACTLY_ONCE, MR_TOPIC_AT_LEAST_ONCE };

/* The folder of topics: `dir` of the node where it is given, else DATA_DIR/topics. */
const char *mr_topic_dir(struct mr_arena *arena, const char *data_dir, const char *dir);

/* What a sink's options say of a new topic. */
struct mr_topic_conf mr_topic_sink_makes(const struct mr_topic_sink_conf *conf);

/* The options of the plan's sink that makes the topic when it is missing; NULL: there is none. */
const struct mr_topic_sink_conf *mr_topic_maker(const struct mr_plan *plan, const char *dir,
                                                const char *topic);

/* Reads what the topic was created with; one that is missing is made as `maker` says (NULL:
 * MR_ERR_NOENT). Control plane. */
int mr_topic_ready(struct mr_io *io, const char *dir, const char *topic,
                   const struct mr_topic_sink_conf *maker, struct mr_topic_conf *out,
                   struct mr_error *err);

/* For plan(), before there is a run: the partitions of a topic that is there; MR_ERR_NOENT, or
 * another error. */
int mr_topic_look(const char *dir, const char *topic, uint32_t *partitions, struct mr_error *err);

/* Reports a topic's name that none can have, at `topic`. */
int mr_topic_check_name(struct mr_op_plan *p, const char *topic);

#endif
