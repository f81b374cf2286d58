/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What settings come to: the stages and meshes of a parallel method, and the best number of microbatches. The plan that
 * is made of them keeps the settings as they were said.
 */
#include <math.h>

#include "plan/planner.h"

/* Plans of other numbers of microbatches compare by the seconds of a whole batch. */
static double batch_seconds(const struct sc_plan *plan, double objective)
{
    bool iteration = plan->settings.stages_max == 0 || plan->settings.objective == SC_OBJECTIVE_PIPELINE;
    return iteration ? objective : objective * (double)plan->graph->microbatches;
}

static double least_seconds(const struct sc_plan *plan)
{
    return plan->status == SC_SOLVED_INFEASIBLE ? INFINITY : batch_seconds(plan, plan->bound_s);
}

/* Keeps the better plan of two; drops the other. Without any plan the first says why. */
static void keep_better(struct sc_plan **best, struct sc_plan *plan)
{
    bool better = !*best || (plan->choice && (!(*best)->choice || batch_seconds(plan, plan->objective_s) <
                                                                      batch_seconds(*best, (*best)->objective_s)));
    sc_plan_free(better ? *best : plan);
    if (better)
        *best = plan;
}

/* No plan, of whatever number of microbatches, takes fewer seconds than `least` a batch. */
static void widen(struct sc_plan *plan, double least)
{
    double ratio = batch_seconds(plan, 1);
    if (!plan->choice) {
        if (plan->status == SC_SOLVED_INFEASIBLE && least < INFINITY)
            plan->status = SC_SOLVED_TIMEOUT; /* another may have one */
        return;
    }
    plan->bound_s = fmin(plan->bound_s, least / ratio);
    plan->gap = fmax(0, (plan->objective_s - plan->bound_s) / plan->objective_s);
    if (plan->gap > 1e-12 && plan->status == SC_SOLVED_OPTIMAL)
        plan->status = SC_SOLVED_FEASIBLE;
}

/* Every divisor of the batch in turn. */
static enum sc_status find_microbatches(struct sc_planner *planner, const struct sc_plan_request *request,
                                        struct sc_settings *settings, struct sc_plan **out, struct sc_error *err)
{
    struct sc_graph *graph;
    struct sc_cluster *cluster;
    struct sc_plan_request one = *request;
    struct sc_plan *best = NULL;
    double least = INFINITY;
    enum sc_status status = sc_planner_load(planner, settings, &graph, &cluster, err);
    if (status != SC_OK)
        return status;
    int64_t batch = graph->batch * graph->microbatches;
    sc_graph_free(graph);
    sc_cluster_free(cluster);
    if (batch < 1)
        return sc_fail(err, SC_USAGE, "--microbatches auto: the model has no batch to be split");
    one.settings = settings;
    one.deltas = false;
    for (int64_t b = 1; b <= batch && status == SC_OK; b++) {
        struct sc_plan *plan = NULL;
        if (batch % b != 0)
            continue;
        settings->microbatches = b;
        if (best && sc_cancelled(request->cancel)) {
            least = -INFINITY; /* not all were looked at */
            break;
        }
        status = planner_make(planner, &one, &plan, err);
        if (status == SC_OK) {
            least = fmin(least, least_seconds(plan));
            keep_better(&best, plan);
        }
    }
    if (best && (status == SC_CANCELLED || status == SC_TIMEOUT)) {
        status = SC_OK;
        least = -INFINITY;
    }
    if (status == SC_OK && request->deltas && best->choice && !sc_cancelled(request->cancel)) {
        struct sc_plan *plan = NULL;
        settings->microbatches = best->graph->microbatches;
        one.deltas = true;
        status = planner_make(planner, &one, &plan, err);
        if (status == SC_OK)
            keep_better(&plan, best), best = plan;
    }
    if (status != SC_OK) {
        sc_plan_free(best);
        return status;
    }
    widen(best, least);
    *out = best;
    return SC_OK;
}

enum sc_status sc_planner_make(struct sc_planner *planner, const struct sc_plan_request *request, struct sc_plan **out,
                               struct sc_error *err)
{
    const struct sc_settings *asked = request->settings;
    bool method = asked->method && *asked->method;
    struct sc_plan_request meant = *request;
    struct sc_settings settings;
    double started = sc_now();
    *out = NULL;
    if (!method && asked->microbatches >= 0)
        return planner_make(planner, request, out, err);
    if (!sc_settings_copy(&settings, asked))
        return sc_fail(err, SC_NO_MEMORY, "no memory for settings");
    meant.settings = &settings;
    enum sc_status status = SC_OK;
    if (method) {
        struct sc_graph *graph;
        struct sc_cluster *cluster;
        int hosts, devices;
        status = sc_planner_load(planner, asked, &graph, &cluster, err);
        if (status == SC_OK) {
            sc_graph_free(graph);
            sc_cluster_free(cluster);
            status = planner_submesh(planner, asked, &hosts, &devices, err);
        }
        if (status == SC_OK)
            status = plan_method_settings(&settings, hosts, devices, err);
    }
    if (status == SC_OK)
        status = settings.microbatches < 0 ? find_microbatches(planner, &meant, &settings, out, err)
                                           : planner_make(planner, &meant, out, err);
    sc_settings_free(&settings);
    if (status != SC_OK)
        return status;
    struct sc_plan *plan = *out;
    sc_settings_free(&plan->settings);
    if (!sc_settings_copy(&plan->settings, asked)) {
        sc_plan_free(plan);
        *out = NULL;
        return sc_fail(err, SC_NO_MEMORY, "no memory for settings");
    }
    plan->total_s = sc_now() - started;
    return SC_OK;
}
