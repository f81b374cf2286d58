/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a change would cost, before it is made: a plan of the settings with a line of commands run on them.
 */
#include <math.h>

#include "plan/commands.h"

/* The constraints that cannot hold together, as a sentence. */
static void write_conflicts(const struct sc_plan *plan, struct sc_str *out)
{
    for (int i = 0; i < plan->conflict_count; i++)
        sc_str_addf(out, "%s%s", i ? "; " : "", plan->conflicts[i]);
}

enum sc_status sc_planner_what_if(struct sc_planner *planner, const struct sc_plan *plan,
                                  const struct sc_what_if *question, struct sc_cancel *cancel,
                                  struct sc_what_if_answer *out, struct sc_str *reasons, struct sc_error *err)
{
    struct sc_settings settings;
    struct sc_plan *other = NULL;
    *out = (struct sc_what_if_answer){.delta_s = NAN};
    if (!sc_settings_copy(&settings, &plan->settings))
        return sc_fail(err, SC_NO_MEMORY, "no memory to ask what a change would cost");
    enum sc_status status = sc_settings_apply(&settings, question->line, err);
    struct sc_plan_request request = {.settings = &settings,
                                      .revision = plan->revision,
                                      .no_conflicts = reasons == NULL,
                                      .work_limit = question->work_limit,
                                      .cancel = cancel};
    if (status == SC_OK)
        status = sc_planner_make(planner, &request, &other, err);
    sc_settings_free(&settings);
    if (status != SC_OK)
        return status;
    if (other->choice) {
        out->delta_s = other->objective_s - plan->objective_s;
        out->exact = other->status == SC_SOLVED_OPTIMAL && plan->status == SC_SOLVED_OPTIMAL;
    } else if (other->status == SC_SOLVED_INFEASIBLE) {
        out->delta_s = INFINITY;
        out->exact = true;
        if (reasons)
            write_conflicts(other, reasons);
    }
    sc_plan_free(other);
    return SC_OK;
}
