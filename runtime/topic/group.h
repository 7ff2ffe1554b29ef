/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_TOPIC_GROUP_H
#define MR_TOPIC_GROUP_H

/* Consumer groups: for each topic, the offset per partition that a group goes on at. A commit is
 * one small file, replaced whole, so it is there or it is not. Control plane. */

#include "io/io.h"
#include "topic/topic.h"

/* A group for one topic, for the one process that commits: others are refused with MR_ERR_EXISTS
 * and the owner's pid. */
struct mr_topic_group;

int mr_topic_group_open(struct mr_topic_group **group, struct mr_io *io, const char *dir,
                        const char *name, const char *topic, struct mr_error *err);
void mr_topic_group_close(struct mr_topic_group *group);

/* The offset that was committed; -1: none. */
int64_t mr_topic_group_offset(const struct mr_topic_group *group, uint32_t partition);
/* Sets offsets; nothing is durable before the commit. */
void mr_topic_group_set(struct mr_topic_group *group, uint32_t partition, int64_t offset);
/* Returns once what was set is on the disk. After an error what was committed before still holds.
 */
int mr_topic_group_commit(struct mr_topic_group *group, struct mr_error *err);

/* Looks without taking part: offsets per partition (-1: none) of at most max partitions.
 * MR_ERR_NOENT: the group has none for this topic. */
int mr_topic_group_read(struct mr_io *io, const char *dir, const char *name, const char *topic,
                        int64_t *offsets, uint32_t max, struct mr_error *err);
/* Calls each(ctx, group) for every group that has offsets of the topic (NULL: of any), in name
 * order.
 */
int mr_topic_group_list(struct mr_io *io, const char *dir, const char *topic,
                        void (*each)(void *ctx, const char *group), void *ctx,
                        struct mr_error *err);

#endif
