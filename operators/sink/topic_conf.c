/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/topic_conf.h"

#include <string.h>

#include "graph/codes.h"
#include "graph/compile.h"
#include "graph/plan.h"
#include "graph/tree.h"
#include "operators/operators.h"

const char *const mr_topic_syncs[] = {"always", "interval", "never", NULL};
const char *const mr_topic_codecs[] = {"none", "gzip", "snappy", "lz4", "zstd", NULL};

_Static_assert(MR_TOPIC_SYNC_ALWAYS == 0 && MR_TOPIC_SYNC_INTERVAL == 1, "as the words stand");
_Static_assert(MR_CODEC_GZIP == 1 && MR_CODEC_SNAPPY == 2 && MR_CODEC_LZ4 == 3 &&
                   MR_CODEC_ZSTD == 4,
               "as the words stand");

const char *mr_topic_dir(struct mr_arena *arena, const char *data_dir, const char *dir) {
  return dir ? dir : mr_arena_printf(arena, "%s/topics", data_dir);
}

struct mr_topic_conf mr_topic_sink_makes(const struct mr_topic_sink_conf *conf) {
  return (struct mr_topic_conf){
      .partitions = (uint32_t)conf->partitions,
      .log = {.sync = (enum mr_topic_sync)conf->sync,
              .sync_every_ns = conf->sync_every_us * 1000,
              .segment_sz = conf->segment_sz,
              .codec = (enum mr_codec)conf->compression,
              .retention_age_ms = conf->retention.age_us / 1000,
              .retention_sz = conf->retention.size,
              .roll_back_to = -1},
  };
}

const struct mr_topic_sink_conf *mr_topic_maker(const struct mr_plan *plan, const char *dir,
                                                const char *topic) {
  struct mr_arena scratch = {0};
  const struct mr_topic_sink_conf *found = NULL;
  for (uint32_t i = 0; i < plan->node_cnt && !found; i++) {
    const struct mr_plan_node *n = &plan->nodes[i];
    const struct mr_topic_sink_conf *conf = n->conf;
    if (n->op != &mr_op_topic_sink || !conf || !conf->topic || conf->create) continue;
    if (strcmp(conf->topic, topic) != 0) continue;
    const char *its = mr_topic_dir(&scratch, plan->runtime.data_dir, conf->dir);
    if (!strcmp(its, dir)) found = conf;
  }
  mr_arena_free(&scratch);
  return found;
}

int mr_topic_ready(struct mr_io *io, const char *dir, const char *topic,
                   const struct mr_topic_sink_conf *maker, struct mr_topic_conf *out,
                   struct mr_error *err) {
  int rc = mr_topic_read_conf(io, dir, topic, out, err);
  if (rc != MR_ERR_NOENT || !maker) return rc;
  struct mr_topic_conf conf = mr_topic_sink_makes(maker);
  rc = mr_topic_create(io, dir, topic, &conf, err);
  if (rc && rc != MR_ERR_EXISTS) return rc; /* another process may have been faster */
  return mr_topic_read_conf(io, dir, topic, out, err);
}

int mr_topic_look(const char *dir, const char *topic, uint32_t *partitions, struct mr_error *err) {
  struct mr_io *io;
  struct mr_topic_conf conf;
  int rc = mr_io_create(&io, MR_IO_PLAIN, NULL, NULL, err);
  if (rc) return rc;
  rc = mr_topic_read_conf(io, dir, topic, &conf, err);
  mr_io_destroy(io);
  if (!rc) *partitions = conf.partitions;
  return rc;
}

int mr_topic_check_name(struct mr_op_plan *p, const char *topic) {
  if (mr_topic_name_valid(topic)) return MR_OK;
  return mr_op_error(p, mr_tree_get(p->tree, "topic"), MR_CODE_BAD_NAME,
                     "\"%s\" is no name of a topic: letters, digits, '.', '_' and '-', at most %u",
                     topic, MR_TOPIC_NAME_MAX);
}
