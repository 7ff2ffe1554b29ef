/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_TOPIC_TOPIC_H
#define MR_TOPIC_TOPIC_H

/* Topics in a folder:
 *
 *   DIR/<topic>.topic                    what the topic was created with (lines of text)
 *   DIR/<topic>.lock                     locked by the topic's one writer, with its pid
 *   DIR/<topic>-<partition>/             segments and what belongs to them (log.h)
 *   DIR/groups/<group>/<topic>           offsets of a consumer group (group.h)
 *
 * A broker's log folder is read in the same way; it has no .topic file. Control plane, except for
 * mr_topic_pick and mr_topic_poll. */

#include "topic/log.h"

#define MR_TOPIC_NAME_MAX       249u /* bytes; letters, digits, '.', '_', '-', as Kafka has them */
#define MR_TOPIC_PARTITIONS_MAX 256u

struct mr_topic_conf {
  uint32_t partitions;
  struct mr_topic_log_conf log; /* held, buffered and roll_back_to are not kept */
};

/* A name that topics may have: not empty, not "." or "..", no byte beyond those above. */
bool mr_topic_name_valid(const char *name);

/* Makes a topic. MR_ERR_EXISTS: there is one ("already exists"); MR_ERR_ARG: name or conf. Whole or
 * not at all: a topic is there once its .topic file is. */
int mr_topic_create(struct mr_io *io, const char *dir, const char *name,
                    const struct mr_topic_conf *conf, struct mr_error *err);

/* What a topic was created with. A folder of partitions without a .topic file has the number of its
 * partitions and defaults for the rest. MR_ERR_NOENT: no such topic; MR_ERR_DATA: a damaged file.
 */
int mr_topic_read_conf(struct mr_io *io, const char *dir, const char *name,
                       struct mr_topic_conf *out, struct mr_error *err);

/* Calls each(ctx, name, partitions) for every topic in name order. MR_ERR_NOENT: no such folder. */
int mr_topic_list(struct mr_io *io, const char *dir,
                  void (*each)(void *ctx, const char *name, uint32_t partitions), void *ctx,
                  struct mr_error *err);

/* Removes a topic with all that it holds. MR_ERR_EXISTS: somebody writes to it. */
int mr_topic_delete(struct mr_io *io, const char *dir, const char *name, struct mr_error *err);

/* The pid in the lock file of a topic that somebody writes to; 0: nobody does. */
int64_t mr_topic_writer(struct mr_io *io, const char *dir, const char *name);

/* ---- writing ---- */

struct mr_topic;

struct mr_topic_open {
  const char *dir, *name;
  bool held, buffered;         /* as in struct mr_topic_log_conf, for all partitions */
  const int64_t *roll_back_to; /* one per partition, or NULL */
  uint32_t lock_wait_ms;       /* a killed writer's lock goes a little later than it; 0: 1,000 */
  /* Memory for write buffers, mr_topic_buffers_sz bytes at MR_IO_ALIGN, that the caller may have
   * given to mr_io_add_buffers; NULL: the topic's own, which cannot be registered because it goes
   * with the topic. */
  void *buffers;
};

size_t mr_topic_buffers_sz(uint32_t partitions);

/* Locks the topic and opens its partitions. MR_ERR_EXISTS: another process writes to it (the text
 * names its pid; exit 75); otherwise as mr_topic_read_conf and mr_topic_log_open. found: one per
 * partition, or NULL. */
int mr_topic_open(struct mr_topic **topic, struct mr_io *io, const struct mr_topic_open *how,
                  struct mr_topic_recovery *found, struct mr_error *err);
/* Closes the partitions as mr_topic_log_close does and gives the lock up. The first error. */
int mr_topic_close(struct mr_topic *topic, int64_t full_wait_ns, struct mr_error *err);
void mr_topic_abandon(struct mr_topic *topic);

const struct mr_topic_conf *mr_topic_conf(const struct mr_topic *topic);
struct mr_topic_log *mr_topic_log_at(struct mr_topic *topic, uint32_t partition);

/* The partition of a record: by its key (murmur2.h), without a key the one in use, which changes
 * with every mr_topic_log_conf.batch_sz bytes. */
uint32_t mr_topic_pick(struct mr_topic *topic, const struct mr_record *rec);

/* mr_topic_log_flush and _poll of all partitions. */
void mr_topic_flush(struct mr_topic *topic, uint64_t now_ns);
int mr_topic_poll(struct mr_topic *topic, uint64_t now_ns, int64_t wall_ms);

#endif
