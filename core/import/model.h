/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Private to model loading: variables, expressions and the state of one import. model.c reads the head of the file
 * (extends, parameters, batch), body.c its body.
 */
#ifndef SC_IMPORT_MODEL_H
#define SC_IMPORT_MODEL_H

#include "import/import.h"

enum {
    SC_MODEL_MAX_FILES = 8,       /* of a chain of "extends" */
    SC_MODEL_MAX_DEPTH = 32,      /* groups inside groups */
    SC_MODEL_MAX_STEPS = 1000000, /* items, copies, references and expressions of one import */
    SC_MODEL_MAX_TEXT = 1000,     /* bytes of an expression or a reference */
    SC_MODEL_MAX_NAMES = 256,     /* parameters and lets; blocks */
    SC_MODEL_MAX_LOCALS = 64,     /* inputs of a group, and values it sets */
    SC_MODEL_MAX_LIST = 1024      /* numbers of a list parameter */
};

/* A name in expressions: one number, or a list that is indexed. */
struct sc_variable {
    const char *name;
    int64_t value;
    const int64_t *list; /* NULL: a number */
    int count;
};
typedef SC_VEC(struct sc_variable) sc_variables; /* later ones hide earlier ones */

/* Whole numbers with + - * / % ( ) ?: && || ! comparisons, name[index], min, max, ceil_div, floor_div. A division has
 * to be exact. On failure `why` says what is wrong, without the expression. */
bool sc_expression_eval(const char *text, const struct sc_variable *variables, size_t count, int64_t *out, char *why,
                        size_t why_size);

struct sc_model_file {
    struct sc_json_doc *doc;
    const struct sc_json *root;
    char *path; /* canonical, to find loops */
};

struct sc_importer {
    const struct sc_model_options *options;
    struct sc_error *err;
    struct sc_arena *arena;                         /* for the import */
    struct sc_arena *scratch;                       /* for one op */
    struct sc_model_file files[SC_MODEL_MAX_FILES]; /* the given one first, the one with the body last */
    int file_count;
    const struct sc_json_doc *doc; /* the last file's */
    sc_variables variables;
    enum sc_dtype compute;
    const struct sc_json *blocks;
    struct sc_graph_builder *builder;
    SC_VEC(const struct sc_json *) places; /* of each op of the builder */
    struct sc_map tensors;                 /* full name → tensor, or SC_ABSENT */
    struct sc_str prefix;                  /* "layer.3.mlp." */
    int depth;
    bool in_layer;
    int outputs;
    int64_t steps;
};
enum { SC_ABSENT = -1 }; /* of an item whose "when" is false and that passes nothing through */

enum sc_status sc_model_no_memory(struct sc_importer *im);
/* Count a step of work at `place`, and more for a text that has to be read; SC_LIMIT when there were too many. What a
 * file can repeat, it pays for. */
enum sc_status sc_model_step(struct sc_importer *im, const struct sc_json_doc *doc, const struct sc_json *place);
/* A number: a JSON integer, true or false, or an expression. */
enum sc_status sc_model_number(struct sc_importer *im, const struct sc_json_doc *doc, const struct sc_json *value,
                               int64_t *out);
/* A list of numbers, in im->scratch or `arena`. */
enum sc_status sc_model_numbers(struct sc_importer *im, struct sc_arena *arena, const struct sc_json_doc *doc,
                                const struct sc_json *value, int max, const int64_t **out, int *count);
/* Dtype by name; "compute" is the model's. */
enum sc_status sc_model_dtype(struct sc_importer *im, const struct sc_json_doc *doc, const struct sc_json *value,
                              enum sc_dtype *out);
bool sc_model_define(struct sc_importer *im, const char *name, int64_t value);

/* names.c: the text of a name or reference with each "{expression}" replaced by its value; lives as long as im->scratch
 * at least. */
enum sc_status sc_model_name(struct sc_importer *im, const struct sc_json *value, const char **out);
/* `name` inside the current group, in im->scratch; NULL when out of memory. */
const char *sc_model_full_name(struct sc_importer *im, const char *name);
/* Let a full name stand for a tensor (or SC_ABSENT); refuses a name that is taken. */
enum sc_status sc_model_bind(struct sc_importer *im, const struct sc_json *at, const char *full, int64_t tensor);
/* A reference: "name" or {"from": "name", "when": …}. `item` is the op it belongs to, for messages. *tensor is
 * SC_ABSENT when its "when" is false. */
enum sc_status sc_model_resolve(struct sc_importer *im, const struct sc_json *reference, const struct sc_json *item,
                                int64_t *tensor);
/* Value of the object's "when"; true without one. */
enum sc_status sc_model_wanted(struct sc_importer *im, const struct sc_json *object, bool *wanted);

/* group.c: expand a group; *last becomes the tensor it stands for. */
enum sc_status sc_model_group(struct sc_importer *im, const struct sc_json *item, int *last);
/* body.c: expand a list of items; *last becomes the tensor of the last one. */
enum sc_status sc_model_items(struct sc_importer *im, const struct sc_json *items, int *last);

/* Expand the body of the last file into im->builder and mark the outputs. */
enum sc_status sc_model_expand(struct sc_importer *im);

#endif
