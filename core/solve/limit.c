/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * limit: how much more room an infeasible problem needs. The problem is asked again with other limits, for any plan at
 * all, and the interval between the largest limit proven to be too small and the smallest known to do is halved until
 * it is narrow, or until that took about as much work as finding out that nothing fits.
 */
#include "solve/rungs.h"

#include <math.h>

enum { MOST_QUESTIONS = 12, LEAST_WORK = 100000 };
static const double narrow_enough = 0.005; /* of the limit */

/* Is there a plan within `limit`? A plan's own peak is what it needs. */
static enum sc_status ask(struct sc_job *job, struct sc_cancel *cancel, double limit, enum sc_solve_status *answer,
                          double *needs)
{
    struct sc_solve_options options = *job->options;
    struct sc_problem *varied = NULL;
    struct sc_solution *s = NULL;
    options.solver = SC_SOLVER_EXACT;
    options.gap = INFINITY; /* the first plan will do */
    options.marginals = false;
    options.limits = false;
    options.cancel = cancel;
    options.progress = NULL;
    options.warm = NULL;
    options.most = 0;
    enum sc_status status = sc_problem_vary(job->problem, 0, NULL, NULL, limit, &varied, job->err);
    if (status == SC_OK)
        status = sc_solve(varied, &options, &s, job->err);
    if (status == SC_OK) {
        *answer = s->status;
        if (s->choices)
            *needs = sc_problem_check(varied, s->choices).peak;
    }
    sc_solution_free(s);
    sc_problem_free(varied);
    return status;
}

enum sc_status sc_find_limit(struct sc_job *job)
{
    struct sc_solution *s = job->solution;
    enum sc_solve_status answer;
    struct sc_cancel cancel;
    double needs = INFINITY;
    sc_cancel_part(&cancel, job->options->cancel, LEAST_WORK + job->options->cancel->work);
    enum sc_status status = ask(job, &cancel, INFINITY, &answer, &needs);
    if (status != SC_OK || answer == SC_SOLVED_INFEASIBLE || answer == SC_SOLVED_TIMEOUT)
        return status; /* infeasible anyway: the limit is not to blame */
    s->limit_infeasible = job->problem->limit;
    s->limit_feasible = fmin(s->limit_feasible, needs);
    for (int i = 0; i < MOST_QUESTIONS && status == SC_OK && !sc_cancelled(&cancel); i++) {
        double between = s->limit_infeasible + (s->limit_feasible - s->limit_infeasible) / 2;
        if (s->limit_feasible - s->limit_infeasible <= narrow_enough * s->limit_feasible)
            break;
        needs = INFINITY;
        status = ask(job, &cancel, between, &answer, &needs);
        if (status != SC_OK || answer == SC_SOLVED_TIMEOUT)
            break;
        if (answer == SC_SOLVED_INFEASIBLE)
            s->limit_infeasible = between;
        else
            s->limit_feasible = fmin(s->limit_feasible, needs);
    }
    return status;
}
