/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The stage problem, exactly. F(s, i, d; t) is the least sum of stage times that covers layers i … with s stages on
 * exactly d devices, each stage at most t long (Alpa, OSDI 2022, equation 4). Where no option limits its successors
 * the number of stages does not matter and s falls away.
 *
 * `pipeline` minimises F(t) + (B - 1) t over the distinct stage times t. F falls as t grows, so an interval of times
 * (a, b] cannot hold a plan below F(b) + (B - 1) × (the time next above a): intervals are halved, and dropped when that
 * bound is no better than the best plan. `throughput` is the least t for which F is finite.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/pipeline.h"

/* Larger tables than this many entries are refused (2 GiB of doubles). */
static const double table_limit = 0x1p28;
static const int most_hosted = 4096;

struct entry {
    int next, devices, least, successors, option; /* next: layer behind the stage; least … successors stages follow */
    double seconds[4];                            /* [in + 2 * out]: 1 where a host begins */
    double fastest;                               /* of these */
};
enum { FORBIDDEN = 4 };

struct solver {
    const struct sc_stage_problem *problem;
    struct sc_cancel *cancel;
    int levels; /* stages that are told apart: 1 when successors are free */
    bool free_successors;
    bool open_top; /* the last level stands for itself and all beyond */
    int *first;    /* entries of layer i: first[i] … first[i + 1] */
    struct entry *entries;
    double *table;   /* [(level * (layers + 1) + i) * (devices + 1) + d] */
    double *nothing; /* the row behind the last layer: 0 on no devices */
    double *times;   /* distinct, increasing */
    int time_count;
    double best, best_limit; /* objective of the best plan so far, and the limit t that gives it */
};

static double *row_of(const struct solver *s, int level, int layer)
{
    size_t layers = (size_t)s->problem->layers + 1, devices = (size_t)s->problem->devices + 1;
    return s->table + ((size_t)level * layers + (size_t)layer) * devices;
}

/* ---- preparation ---- */

static int by_place(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->next != y->next)
        return x->next < y->next ? -1 : 1;
    if (x->devices != y->devices)
        return x->devices < y->devices ? -1 : 1;
    for (int v = 0; v < 4; v++)
        if (x->seconds[v] != y->seconds[v])
            return x->seconds[v] < y->seconds[v] ? -1 : 1;
    if (x->least != y->least)
        return x->least < y->least ? -1 : 1;
    if (x->successors != y->successors)
        return x->successors > y->successors ? -1 : 1;
    return x->option < y->option ? -1 : 1;
}

static bool is_slower(const struct entry *a, const struct entry *b)
{
    for (int v = 0; v < 4; v++)
        if (a->seconds[v] < b->seconds[v])
            return false;
    return true;
}

/* Of options for the same layers and number of devices, a slower one is of use only when it allows other successors. */
static int drop_dominated(struct entry *entries, int count)
{
    int kept = 0, group = 0; /* group: where those of the same place begin */
    for (int i = 0; i < count; i++) {
        if (!kept || entries[group].next != entries[i].next || entries[group].devices != entries[i].devices)
            group = kept;
        bool useful = true;
        for (int k = kept - 1; k >= group && useful; k--)
            useful = !(is_slower(&entries[i], &entries[k]) && entries[i].successors <= entries[k].successors &&
                       entries[i].least >= entries[k].least);
        if (useful)
            entries[kept++] = entries[i];
    }
    return kept;
}

static bool prepare_entries(struct solver *s)
{
    const struct sc_stage_problem *p = s->problem;
    int *count = sc_calloc((size_t)p->layers + 2, sizeof *count), total = 0;
    s->first = sc_calloc((size_t)p->layers + 2, sizeof *s->first);
    s->entries = sc_calloc((size_t)p->option_count + 1, sizeof *s->entries);
    if (!count || !s->first || !s->entries) {
        sc_free(count);
        return false;
    }
    for (int i = 0; i < p->option_count; i++)
        count[p->options[i].first + 1]++;
    for (int i = 0; i < p->layers; i++)
        count[i + 1] += count[i];
    for (int i = 0; i < p->option_count; i++) {
        const struct sc_stage_option *o = &p->options[i];
        struct entry *e = &s->entries[count[o->first]++];
        *e = (struct entry){.next = o->last + 1,
                            .devices = p->submeshes[o->submesh],
                            .least = o->min_successors,
                            .successors = o->max_successors,
                            .option = i};
        for (int v = 0; v < 4; v++)
            e->seconds[v] = o->seconds + o->in_s[v & 1] + o->out_s[v >> 1];
        e->fastest = fmin(fmin(e->seconds[0], e->seconds[1]), fmin(e->seconds[2], e->seconds[3]));
    }
    s->free_successors = true;
    for (int i = 0, begin = 0; i < p->layers; i++) { /* count[i] is now the end of layer i */
        int end = count[i], length = end - begin;
        qsort(s->entries + begin, (size_t)length, sizeof *s->entries, by_place);
        length = drop_dominated(s->entries + begin, length);
        memmove(s->entries + total, s->entries + begin, (size_t)length * sizeof *s->entries);
        s->first[i] = total;
        total += length;
        begin = end;
    }
    s->first[p->layers] = total;
    for (int i = 0; i < p->layers; i++)
        for (int k = s->first[i]; k < s->first[i + 1]; k++)
            s->free_successors &=
                s->entries[k].successors >= p->layers - s->entries[k].next && s->entries[k].least == 0;
    sc_free(count);
    return true;
}

/* Beyond the largest number of successors that any entry is limited to, numbers need not be told apart. */
static int count_levels(struct solver *s)
{
    const struct sc_stage_problem *p = s->problem;
    int most = p->layers < p->devices ? p->layers : p->devices, limited = p->stages_min > 1 ? p->stages_min - 1 : 0;
    if (p->stages_max > 0 && p->stages_max < most) {
        s->free_successors = false;
        return p->stages_max;
    }
    s->free_successors &= limited == 0;
    if (s->free_successors)
        return 1;
    for (int i = 0; i < p->layers; i++)
        for (int k = s->first[i]; k < s->first[i + 1]; k++) {
            const struct entry *e = &s->entries[k];
            if (e->successors < p->layers - e->next && e->successors + 1 > limited)
                limited = e->successors + 1;
            if (e->least > limited)
                limited = e->least;
        }
    s->open_top = limited + 1 < most;
    return s->open_top ? limited + 1 : most;
}

static bool is_allowed(const struct solver *s, const struct entry *e, int level)
{
    if (s->free_successors)
        return true;
    if (s->open_top && level == s->levels - 1)
        return e->successors >= s->problem->layers - e->next && e->least <= level;
    return level >= e->least && level <= e->successors;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* The distinct times of entries above `low`, up to `high`. */
static bool prepare_times(struct solver *s, double low, double high)
{
    int total = s->first[s->problem->layers], count = 0;
    int variants = s->problem->host_devices > 0 ? 4 : 1;
    for (int i = 0; i < total; i++)
        for (int v = 0; v < variants; v++)
            count += s->entries[i].seconds[v] > low && s->entries[i].seconds[v] <= high;
    s->times = sc_calloc((size_t)count + 1, sizeof *s->times);
    if (!s->times)
        return false;
    count = 0;
    for (int i = 0; i < total; i++)
        for (int v = 0; v < variants; v++)
            if (s->entries[i].seconds[v] > low && s->entries[i].seconds[v] <= high)
                s->times[count++] = s->entries[i].seconds[v];
    qsort(s->times, (size_t)count, sizeof *s->times, by_value);
    for (int i = 0; i < count; i++)
        if (s->time_count == 0 || s->times[s->time_count - 1] != s->times[i])
            s->times[s->time_count++] = s->times[i];
    return true;
}

/* ---- the recurrence ---- */

/* out[d] = min(out[d], seconds + rest[d - n]): contiguous, so that it vectorises. */
static void relax(double *restrict out, const double *restrict rest, int devices, int n, double seconds)
{
    for (int d = n; d <= devices; d++) {
        double value = seconds + rest[d - n];
        out[d] = value < out[d] ? value : out[d];
    }
}

/* Which of an entry's times holds when it begins on device `at`; FORBIDDEN when it cannot lie there. */
static int variant(const struct solver *s, int devices, int at)
{
    int host = s->problem->host_devices;
    if (host <= 0)
        return 0;
    int begin = at % host, end = (at + devices) % host;
    bool lies = devices < host ? begin + devices <= host : begin == 0 && devices % host == 0;
    return lies ? (begin == 0) + 2 * (end == 0) : FORBIDDEN;
}

/* A stage within a host may begin at any of its devices that leave room, one of whole hosts only where a host begins:
 * for each host a block of d, of which but the ends have neighbours on the same host at both sides. */
static void relax_hosts(const struct solver *s, double *restrict out, const double *restrict rest,
                        const struct entry *e, double limit)
{
    int devices = s->problem->devices, n = e->devices, host = s->problem->host_devices, room = n < host ? host - n : 0;
    double seconds[4];
    if (n >= host && n % host != 0)
        return;
    for (int v = 0; v < 4; v++)
        seconds[v] = e->seconds[v] <= limit ? e->seconds[v] : INFINITY;
    double begins = seconds[n < host ? 1 : 3], value;
    for (int last = devices; last >= n; last -= host) {
        int first = last - room;
        if (first >= n && room > 0) { /* ends where the host ends */
            value = seconds[2] + rest[first - n];
            out[first] = value < out[first] ? value : out[first];
            first++;
        } else if (first < n) {
            first = n;
        }
        for (int d = first; d < last; d++) {
            value = seconds[0] + rest[d - n];
            out[d] = value < out[d] ? value : out[d];
        }
        value = begins + rest[last - n];
        out[last] = value < out[last] ? value : out[last];
    }
}

static void relax_entry(const struct solver *s, double *row, const double *rest, const struct entry *e, double limit)
{
    if (s->problem->host_devices > 0)
        relax_hosts(s, row, rest, e, limit);
    else if (e->seconds[0] <= limit)
        relax(row, rest, s->problem->devices, e->devices, e->seconds[0]);
}

/* The rows in which the stages behind an entry at this level are found: none, one or two. */
static int rests(const struct solver *s, int level, int next, const double **out)
{
    int count = 0;
    if (s->free_successors || (s->open_top && level == s->levels - 1))
        out[count++] = row_of(s, level, next);
    if (!s->free_successors && level > 0)
        out[count++] = row_of(s, level - 1, next);
    if (!s->free_successors && level == 0 && next == s->problem->layers)
        out[count++] = s->nothing;
    return count;
}

/* Fill the table for a limit; the least sum over all numbers of stages, +inf when there is none. *level_out is that
 * number - 1 (0 when successors are free). */
static double evaluate(struct solver *s, double limit, int *level_out)
{
    const struct sc_stage_problem *p = s->problem;
    int layers = p->layers, devices = p->devices;
    double best = INFINITY;
    for (int level = 0; level < s->levels; level++) {
        int behind_least = s->free_successors ? 0 : level; /* stages behind an entry, a layer each or more */
        for (int i = layers; i >= 0; i--) {
            double *row = row_of(s, level, i);
            for (int d = 0; d <= devices; d++)
                row[d] = INFINITY;
            if (i == layers) {
                if (s->free_successors)
                    row[0] = 0;
                continue;
            }
            for (int k = s->first[i]; k < s->first[i + 1]; k++) {
                const struct entry *e = &s->entries[k];
                const double *behind[2];
                if (e->fastest > limit || e->devices > devices || layers - e->next < behind_least ||
                    !is_allowed(s, e, level))
                    continue;
                for (int r = rests(s, level, e->next, behind) - 1; r >= 0; r--)
                    relax_entry(s, row, behind[r], e, limit);
            }
        }
    }
    for (int level = p->stages_min > 1 ? p->stages_min - 1 : 0; level < s->levels; level++)
        if (row_of(s, level, 0)[devices] < best) {
            best = row_of(s, level, 0)[devices];
            *level_out = level;
        }
    return best;
}

/* Walk the filled table from the first layer; entries are in the order of the tie rule. */
static int trace(const struct solver *s, double limit, int level, int *stages)
{
    int count = 0, layer = 0, d = s->problem->devices, layers = s->problem->layers;
    while (layer < layers) {
        double wanted = row_of(s, level, layer)[d];
        int k = s->first[layer], end = s->first[layer + 1], from = -1;
        for (; k < end && from < 0; k++) {
            const struct entry *e = &s->entries[k];
            const double *behind[2];
            if (e->devices > d || !is_allowed(s, e, level))
                continue;
            int v = variant(s, e->devices, s->problem->devices - d);
            if (v == FORBIDDEN || e->seconds[v] > limit)
                continue;
            int found = rests(s, level, e->next, behind);
            for (int r = 0; r < found && from < 0; r++)
                if (e->seconds[v] + behind[r][d - e->devices] == wanted)
                    from = r;
            if (from >= 0) {
                bool same = s->free_successors || behind[from] == row_of(s, level, e->next);
                stages[count++] = e->option;
                d -= e->devices;
                layer = e->next;
                level -= !same;
            }
        }
        if (from < 0)
            SC_BUG("no stage explains the stage table at layer %d", layer);
    }
    return count;
}

/* ---- the search over the longest stage ---- */

static double longest_of(const struct solver *s, int count, const int *stages)
{
    double longest = 0;
    int at = 0;
    for (int i = 0; i < count; i++) {
        const struct sc_stage_option *o = &s->problem->options[stages[i]];
        int v = variant(s, s->problem->submeshes[o->submesh], at);
        longest = fmax(longest, o->seconds + o->in_s[v & 1] + o->out_s[v >> 1]);
        at += s->problem->submeshes[o->submesh];
    }
    return longest;
}

static void take(struct solver *s, double limit, double sum)
{
    double value = sum;
    if (s->problem->objective == SC_OBJECTIVE_PIPELINE)
        value += (s->problem->microbatches - 1) * limit;
    else if (s->problem->objective == SC_OBJECTIVE_THROUGHPUT)
        value = limit;
    if (value < s->best) {
        s->best = value;
        s->best_limit = limit;
    }
}

/* F at a limit, and the longest stage of the plan that gives it: that plan counts. */
static double probe(struct solver *s, double limit, int *stages, double *longest)
{
    int level = 0;
    double sum = evaluate(s, limit, &level);
    if (isfinite(sum)) {
        *longest = longest_of(s, trace(s, limit, level, stages), stages);
        take(s, *longest, sum);
    }
    return sum;
}

/* How many times of entries lie in an interval that is still open: few are as well tried one by one. */
static bool few_times(const struct solver *s, double low, double high)
{
    enum { FEW = 16 };
    int total = s->first[s->problem->layers], count = 0;
    for (int i = 0; i < total && count <= FEW; i++)
        for (int v = 0; v < 4; v++)
            count += s->entries[i].seconds[v] > low && s->entries[i].seconds[v] < high;
    return count <= FEW;
}

/* The next limit to try: in growing steps from the hint, if there is one, then halfway. */
static double next_probe(double low, double high, double hint, double *step)
{
    double middle = low > 0 ? sqrt(low * high) : high / 8, probe = middle;
    if (hint <= 0)
        return middle;
    if (low < hint && hint < high)
        return hint;
    *step *= 8;
    if (high <= hint)
        probe = fmax(middle, high * (1 - *step));
    else if (low >= hint)
        probe = fmin(middle, low * (1 + *step));
    return probe;
}

/* Narrow the interval in which the least feasible limit lies, before any times are sorted: plans whose longest stage is
 * near it are good ones, and a good plan leaves few times to be looked at. */
static bool narrow(struct solver *s, double all, double longest, double *low, double *high, int *stages)
{
    enum { PROBES = 16 };
    double feasible = longest, found, step = 1e-6;
    *low = s->problem->pace < longest ? s->problem->pace : 0;
    for (int i = 0; i < PROBES && feasible > 0 && !few_times(s, *low, feasible); i++) {
        double middle = next_probe(*low, feasible, s->problem->hint, &step);
        if (!(middle > *low && middle < feasible))
            break;
        if (sc_cancelled(s->cancel))
            return false;
        if (isfinite(probe(s, middle, stages, &found)))
            feasible = found;
        else
            *low = middle;
    }
    *high = feasible;
    if (s->problem->objective == SC_OBJECTIVE_PIPELINE && s->problem->microbatches > 1)
        *high = fmin(longest, (s->best - all) / (s->problem->microbatches - 1) * (1 + 1e-12));
    return true;
}

/* Times low … high are open; F(high) = sum is known. */
static bool search(struct solver *s, int low, int high, double sum)
{
    int level;
    while (low < high) {
        if (sc_cancelled(s->cancel))
            return false;
        if (sum + (s->problem->microbatches - 1) * s->times[low] >= s->best)
            return true;
        int middle = low + (high - low) / 2;
        double there = evaluate(s, s->times[middle], &level);
        if (isfinite(there)) {
            take(s, s->times[middle], there);
            if (there > sum && !search(s, middle + 1, high, sum)) /* equal sums: shorter times are better */
                return false;
            high = middle;
            sum = there;
        } else {
            low = middle + 1;
        }
    }
    return true;
}

/* The least time for which there is a plan. */
static bool search_least(struct solver *s)
{
    int low = 0, high = s->time_count - 1, level;
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (sc_cancelled(s->cancel))
            return false;
        if (isfinite(evaluate(s, s->times[middle], &level)))
            high = middle;
        else
            low = middle + 1;
    }
    if (s->time_count > 0)
        take(s, s->times[low], 0);
    return true;
}

static enum sc_status prepare(struct solver *s, struct sc_error *err)
{
    const struct sc_stage_problem *p = s->problem;
    if (p->host_devices > 0 && p->devices > most_hosted)
        return sc_fail(err, SC_LIMIT, "%d devices on hosts; up to %d are accepted", p->devices, most_hosted);
    if (!prepare_entries(s))
        return sc_fail(err, SC_NO_MEMORY, "no memory for %d stages", p->option_count);
    s->levels = count_levels(s);
    double size = (double)s->levels * (p->layers + 1.0) * (p->devices + 1.0);
    if (size > table_limit)
        return sc_fail(err, SC_LIMIT,
                       "%d layers on %d devices with limited successors need a table of %.3g entries, above %.3g",
                       p->layers, p->devices, size, table_limit);
    s->table = sc_calloc((size_t)size, sizeof *s->table);
    s->nothing = sc_calloc((size_t)p->devices + 1, sizeof *s->nothing);
    for (int d = 1; s->nothing && d <= p->devices; d++)
        s->nothing[d] = INFINITY;
    return s->table && s->nothing ? SC_OK : sc_fail(err, SC_NO_MEMORY, "no memory for a table of %.3g entries", size);
}

static enum sc_status finish(struct solver *s, struct sc_stage_solution *out, struct sc_error *err)
{
    int level = 0;
    if (!isfinite(evaluate(s, s->best_limit, &level)))
        return sc_fail(err, SC_INTERNAL, "the stages that were found are gone");
    out->count = trace(s, s->best_limit, level, out->stages);
    out->longest_s = longest_of(s, out->count, out->stages);
    out->latency_s = out->bound_s = sc_stage_check(s->problem, out->count, out->stages);
    out->status = SC_STAGES_OPTIMAL;
    if (!isfinite(out->latency_s))
        return sc_fail(err, SC_INTERNAL, "the checker refuses the stages that were found");
    return SC_OK;
}

/* There is a plan: find the best. `all` is the least sum, of a plan with that longest stage. */
static enum sc_status solve(struct solver *s, double all, double longest, struct sc_stage_solution *out,
                            struct sc_error *err)
{
    const struct sc_stage_problem *p = s->problem;
    double low = 0, high = longest, bound = all;
    bool done = true;
    if (p->objective != SC_OBJECTIVE_SUM) {
        done = narrow(s, all, longest, &low, &high, out->stages);
        if (done && !prepare_times(s, low, high))
            return sc_fail(err, SC_NO_MEMORY, "no memory for the times of stages");
        if (done && p->objective == SC_OBJECTIVE_THROUGHPUT)
            done = search_least(s);
        else if (done && s->time_count > 0) {
            int level;
            double sum = evaluate(s, s->times[s->time_count - 1], &level);
            if (isfinite(sum)) {
                take(s, s->times[s->time_count - 1], sum);
                done = search(s, 0, s->time_count - 1, sum);
            }
        }
        bound = p->objective == SC_OBJECTIVE_THROUGHPUT ? low : all + (p->microbatches - 1) * low;
    }
    enum sc_status status = finish(s, out, err);
    out->pace = low;
    if (status == SC_OK && !done) { /* stopped: a plan, and the least any could cost */
        out->status = SC_STAGES_TIMEOUT;
        out->bound_s = fmin(bound, out->latency_s);
    }
    return status;
}

enum sc_status sc_stage_solve(const struct sc_stage_problem *problem, struct sc_cancel *cancel,
                              struct sc_stage_solution *out, struct sc_error *err)
{
    struct solver s = {.problem = problem, .cancel = cancel, .best = INFINITY, .best_limit = INFINITY};
    double began = sc_now(), longest = 0;
    *out = (struct sc_stage_solution){.status = SC_STAGES_INFEASIBLE, .latency_s = INFINITY, .bound_s = INFINITY};
    enum sc_status status = prepare(&s, err);
    out->stages = status == SC_OK ? sc_calloc((size_t)problem->layers + 1, sizeof *out->stages) : NULL;
    if (status == SC_OK && !out->stages)
        status = sc_fail(err, SC_NO_MEMORY, "no memory for the stages");
    /* A plan within `most` has no stage beyond its share: the longest counts as often as there are microbatches. */
    double limit = INFINITY;
    if (problem->most > 0 && problem->objective == SC_OBJECTIVE_PIPELINE)
        limit = problem->most / problem->microbatches * (1 + 1e-12);
    double all = status == SC_OK ? probe(&s, limit, out->stages, &longest) : INFINITY;
    if (status == SC_OK && isinf(all) && isfinite(limit))
        all = probe(&s, INFINITY, out->stages, &longest);
    if (status == SC_OK && isfinite(all))
        status = solve(&s, all, longest, out, err);
    sc_free(s.first);
    sc_free(s.entries);
    sc_free(s.times);
    sc_free(s.table);
    sc_free(s.nothing);
    out->seconds = sc_now() - began;
    return status;
}

void sc_stage_solution_free(struct sc_stage_solution *solution)
{
    sc_free(solution->stages);
    *solution = (struct sc_stage_solution){0};
}
