/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Private to plan/: what the planner of one mesh and that of pipeline stages share.
 */
#ifndef SC_PLAN_PLANNER_H
#define SC_PLAN_PLANNER_H

#include "plan/internal.h"

enum { PLAN_CACHE_SIZE = 12, PLAN_MAX_SHAPES = 64 };

struct cached_tables {
    uint64_t key, used;
    struct sc_costs *costs;
    struct sc_problem *problem;
    int *last; /* choices of the last plan on these tables, to warm the next solve; NULL */
};

struct hierarchy; /* hierarchy.c: what planning of stages keeps */

struct sc_planner {
    const struct sc_loader *loader;
    uint64_t clock;
    uint64_t graph_key, cluster_key;
    struct sc_graph *graph;
    struct sc_cluster *cluster;
    enum sc_formulas formulas;
    struct cached_tables tables[PLAN_CACHE_SIZE];
    struct hierarchy *hierarchy;
};

/* A problem with pins on given tables, and its solution. */
struct attempt {
    struct cached_tables *tables;
    struct sc_arena *arena; /* of pins */
    struct plan_pins pins;
    struct sc_problem *problem; /* with pins */
    struct sc_solution *solution;
    struct sc_solution *marginals; /* one that has min-marginals; NULL: `solution` has what there is */
};
void attempt_free(struct attempt *attempt);

/* Hosts and devices of each that settings ask for. */
enum sc_status planner_submesh(const struct sc_planner *planner, const struct sc_settings *settings, int *hosts,
                               int *devices, struct sc_error *err);
/* Chunks of layers a stage: 1 unless the schedule is interleaved. */
int settings_chunks(const struct sc_settings *settings);
struct sc_cost_options planner_cost_options(const struct sc_settings *settings, const struct sc_graph *graph,
                                            enum sc_remat remat);
uint64_t planner_tables_key(const struct sc_planner *planner, const struct sc_mesh *mesh,
                            const struct sc_cost_options *options);
/* Plan exactly what the settings say: no method's stages to be set, no number of microbatches to be found. */
enum sc_status planner_make(struct sc_planner *planner, const struct sc_plan_request *request, struct sc_plan **out,
                            struct sc_error *err);
/* A plan from an attempt; `full` has its arena and one reference. Takes the attempt's problem and solution over. */
enum sc_status planner_fill(struct plan_full *full, struct sc_planner *planner, struct attempt *attempt,
                            const struct sc_plan_request *request, struct sc_error *err);
struct plan_full *planner_new_plan(struct sc_error *err);

/* Plan as pipeline stages (settings->stages_max > 0). Fills `full`. */
enum sc_status hierarchy_make(struct sc_planner *planner, const struct sc_plan_request *request, struct plan_full *full,
                              struct sc_error *err);
void hierarchy_free(struct hierarchy *hierarchy);
/* Which constraints of a request that has no plan of stages cannot hold together; into the plan. */
enum sc_status plan_stage_conflict(struct sc_planner *planner, const struct sc_plan_request *request,
                                   struct plan_full *full, struct sc_error *err);

#endif
