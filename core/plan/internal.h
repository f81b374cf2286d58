/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Private to plan/: what the files of this folder share.
 */
#ifndef SC_PLAN_INTERNAL_H
#define SC_PLAN_INTERNAL_H

#include "plan/plan.h"

/* A plan with what its public face hides: one arena, the problem it was solved as, a reference count. */
struct plan_full {
    struct sc_plan plan; /* first: a struct sc_plan * is a struct plan_full * */
    struct sc_arena *arena;
    struct sc_problem *base;   /* without pins */
    struct sc_problem *pinned; /* with them */
    int **forced;              /* a node: the choices pins allow it, ended by -1; NULL: all */
    struct sc_op_cost *op_cost; /* an op; NULL without a plan */
    _Atomic int references;
};
static inline struct plan_full *plan_full(const struct sc_plan *plan)
{
    return (struct plan_full *)(uintptr_t)plan;
}

/* ---- settings.c ---- */

enum { PLAN_TEXTS_MAX = 4096 }; /* items of a list that options accept */
bool plan_texts_add(struct sc_texts *texts, const char *text); /* false: out of memory, nothing changed */
void plan_texts_free(struct sc_texts *texts);
bool plan_text_set(char **field, const char *text); /* replaces; NULL empties */

/* ---- settings_json.c ---- */

void plan_texts_write(struct sc_json_writer *w, const char *key, const char *const *texts, int count);
/* The member "settings", and back. Errors say where the value stands. */
void plan_settings_write(struct sc_json_writer *w, const struct sc_settings *settings);
enum sc_status plan_settings_read(const struct sc_json_doc *doc, const struct sc_json *parent,
                                  struct sc_settings *settings, struct sc_error *err);

/* ---- pins.c ---- */

/* What pins mean on given cost tables. Lives in an arena. */
struct plan_pins {
    int count;
    int fixed;  /* the first so many are no person's pins but the method and, by whole names, a plan's own strategies */
    int method; /* 1: the very first is the method; else 0 */
    struct sc_pin_status *status; /* in order: later ones win */
    int *winner;                  /* an op: the pin that decides it, or -1 */
    int **allowed;                /* a node: choices, ended by -1; NULL: all */
    int applied;                  /* pins that decide at least one op */
};
enum sc_status plan_pins_bind(struct sc_arena *arena, const struct sc_costs *costs, const struct sc_texts *fixed,
                              const struct sc_settings *settings, struct plan_pins *out, struct sc_error *err);
/* The problem with those pins of `pins` for which use[pin] holds (NULL: all), and a limit. */
enum sc_status plan_pins_apply(const struct sc_problem *base, const struct sc_costs *costs,
                               const struct plan_pins *pins, const bool *use, double limit, struct sc_problem **out,
                               struct sc_error *err);
/* "GLOB" and "STRATEGY" of "GLOB=STRATEGY"; the strategy "free" takes an op back from earlier pins. */
bool plan_pin_split(const char *pin, size_t *glob_length, const char **strategy);

/* ---- method.c ---- */

bool plan_method_exists(const char *text);
/* The stages and meshes that the method of `settings` has, put into them. SC_USAGE when they are others, or devices
 * are too many or too few. */
enum sc_status plan_method_settings(struct sc_settings *settings, int hosts, int host_devices, struct sc_error *err);
/* wanted[op]: the choices that follow the method best, ended by -1; NULL: all. In `arena`. */
enum sc_status plan_method_choices(struct sc_arena *arena, const struct sc_costs *costs, const char *method,
                                   int **wanted, struct sc_error *err);

/* ---- conflict.c ---- */

/* A smallest set (no member can be left out) of pins and the memory limit that has no plan, as texts in `arena`. Marks its
 * pins' states. */
enum sc_status plan_conflict(struct sc_arena *arena, const struct sc_problem *base, const struct sc_costs *costs,
                             struct plan_pins *pins, struct sc_cancel *cancel, int *count, const char *const **texts,
                             struct sc_error *err);

/* ---- candidates.c ---- */

/* Solve a plan's problem with a node's choice forced (its own pin gives way), or free when `choice` is -1 (then with
 * min-marginals). */
enum sc_status plan_solve_forced(const struct sc_plan *plan, int node, int choice, struct sc_cancel *cancel,
                                 struct sc_solution **out, struct sc_error *err);

/* ---- account.c ---- */

/* The parts of the objective in the order people read them. */
struct plan_part {
    const char *name, *words; /* "all_reduce", "all-reduce" */
    size_t offset;            /* of the double in struct sc_parts */
};
extern const size_t plan_part_count;
const struct plan_part *plan_part_at(size_t index);
double plan_part_value(const struct sc_parts *parts, size_t index);
/* What is held all the time: everything but the working set. */
double plan_memory_held(const struct sc_memory *memory);
/* Σ micro and Σ once of the chosen entries, seconds. */
void plan_stage_times(const struct sc_plan *plan, double *micro_s, double *once_s);
/* Adds an item's seconds × times to parts; times is microbatches, or 1 once an iteration. */
void plan_part_add(struct sc_parts *parts, double *term_s, const struct sc_item *item, double times);
double plan_item_times(const struct sc_costs *costs, const struct sc_item *item);
/* Fill parts, memory, rates of a plan whose choices are set. */
enum sc_status plan_account(struct plan_full *full, struct sc_error *err);
/* The node an edge is shown at: the parameter, the producer of a fanned-out tensor, or else the reader. */
int plan_edge_owner(const struct sc_costs *costs, int edge);
/* edges[first[node] … first[node + 1]) are the edges shown at a node. In `arena`. */
struct plan_owned {
    const int *first, *edges;
};
bool plan_owned_edges(struct sc_arena *arena, const struct sc_costs *costs, struct plan_owned *out);

#endif
