/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Short ways to build graphs in tests. Everything fails the running test with the builder's message.
 */
#ifndef TEST_BUILD_H
#define TEST_BUILD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "graph/graph.h"

/* A tensor of kind input or parameter; `shape` ends with 0. */
int make_source(struct sc_graph_builder *b, const char *kind, const char *name, enum sc_dtype dtype,
                const int64_t *shape);
#define INPUT(b, name, ...)  make_source(b, "input", name, SC_DTYPE_FP32, (const int64_t[]){__VA_ARGS__, 0})
#define WEIGHT(b, name, ...) make_source(b, "parameter", name, SC_DTYPE_FP32, (const int64_t[]){__VA_ARGS__, 0})

/* An op with up to four operands (end with -1) and an own rule or NULL; its first result. */
int make_op(struct sc_graph_builder *b, const char *name, const char *kind, const char *rule, const int *operands);
#define OP(b, name, kind, rule, ...) make_op(b, name, kind, rule, (const int[]){__VA_ARGS__, -1})

/* Mark and build; frees the builder. */
struct sc_graph *finish(struct sc_graph_builder *b, int output);

/* "[8, 16] fp32" of a tensor. */
const char *shape_text(const struct sc_tensor *tensor, char out[128]);

#endif
