/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a collective takes. α-β models of ring, tree and hierarchical algorithms (Thakur, Rabenseifner and Gropp 2005;
 * Sanders, Speck and Träff 2009 for pipelined double trees), tables that were measured, and Alpa's own formulas
 * (alpa/shard_parallel/auto_sharding.py and playground/auto_sharding_solver/cluster_env.py).
 *
 * n devices, B bytes: the whole tensor of a group; a device's own data for all-reduce and permute.
 */
#include "cost/cost.h"

#include <math.h>

/* ---- native ---------------------------------------------------------------------------------------- */

/* A group as its links show themselves. `per` is 1 where the group lies unevenly on its hosts. */
struct lines {
    int n, hosts, per;
    bool even;
    struct sc_link inside; /* between neighbours on a host */
    /* Between hosts, when one device, or all devices of the group on a host, send at a time: seconds a byte of what
     * one device sends. A NIC of the host is divided among the groups that use it, and among the senders. */
    double alpha_out, beta_one, beta_all;
};

static struct lines lines_of(const struct sc_mesh *mesh, unsigned axes)
{
    const struct sc_group *g = &mesh->group[axes];
    const struct sc_cluster *c = mesh->cluster;
    int per = g->per_host > 0 ? g->per_host : 1;
    double sharing = g->sharing > 0 ? g->sharing : 1;
    return (struct lines){
        .n = g->devices,
        .hosts = g->hosts,
        .per = per,
        .even = g->per_host > 0,
        .inside = c->inside,
        .alpha_out = c->between.alpha_s,
        .beta_one = c->between.shared ? c->between.beta_s * sharing : c->between.beta_s,
        .beta_all = c->between.shared ? c->between.beta_s * sharing * per : c->between.beta_s,
    };
}

/* Seconds a byte of a pipelined ring or tree over the whole group. With a NIC a device, as many rings run side by side
 * as the group has devices on a host, each with its share of the bytes (NCCL's channels). */
static double beta_through(const struct lines *l)
{
    double beta = l->n > l->hosts ? l->inside.beta_s : 0;
    if (l->hosts > 1)
        beta = fmax(beta, l->beta_all / l->per);
    return beta;
}

static double alpha_step(const struct lines *l)
{
    return l->hosts > 1 ? fmax(l->alpha_out, l->inside.alpha_s) : l->inside.alpha_s;
}

/* n-1 steps of B/n: an all-gather or a reduce-scatter; an all-reduce is both. */
static double ring(const struct lines *l, double bytes)
{
    return (l->n - 1) * (alpha_step(l) + bytes / l->n * beta_through(l));
}

static double log2_up(int n)
{
    double steps = 0;
    for (int reach = 1; reach < n; reach *= 2)
        steps++;
    return steps;
}

/* Reduce up and broadcast down two complementary binary trees, pipelined: bandwidth as of a ring, latency of depth. */
static double tree_all_reduce(const struct lines *l, double bytes)
{
    int inside = l->hosts > 1 ? l->per : l->n;
    double depth = log2_up(inside) * l->inside.alpha_s;
    if (l->hosts > 1)
        depth += log2_up(l->hosts) * l->alpha_out;
    return 2 * depth + 2 * bytes * beta_through(l);
}

/* All-gather (reduce-scatter) inside each host, and between the devices of equal rank of all hosts. */
static double hierarchical_half(const struct lines *l, double bytes)
{
    double between = (l->hosts - 1) * (l->alpha_out + bytes / l->n * l->beta_all);
    double inside = (l->per - 1) * (l->inside.alpha_s + bytes / l->per * l->inside.beta_s);
    return between + inside;
}

/* Reduce-scatter inside, all-reduce between hosts by ring or tree, all-gather inside. */
static double hierarchical_all_reduce(const struct lines *l, double bytes)
{
    double part = bytes / l->per;
    double inside = 2 * (l->per - 1) * (l->inside.alpha_s + part * l->inside.beta_s);
    double rings = 2 * (l->hosts - 1) * (l->alpha_out + part / l->hosts * l->beta_all);
    double trees = 2 * log2_up(l->hosts) * l->alpha_out + 2 * part * l->beta_all;
    return inside + fmin(rings, trees);
}

/* Every device sends B/n² to every other, in turn. */
static double pairwise_all_to_all(const struct lines *l, double bytes)
{
    double piece = bytes / l->n / l->n;
    int near = l->hosts > 1 ? l->per - 1 : l->n - 1, far = l->n - 1 - near;
    return near * (l->inside.alpha_s + piece * l->inside.beta_s) + far * (l->alpha_out + piece * l->beta_all);
}

/* Inside each host first, so that one message goes to each other host. */
static double hierarchical_all_to_all(const struct lines *l, double bytes)
{
    double own = bytes / l->n;
    return (l->per - 1) * (l->inside.alpha_s + own / l->per * l->inside.beta_s) +
           (l->hosts - 1) * (l->alpha_out + own / l->hosts * l->beta_all);
}

/* Each device sends its data to the next one of the group. */
static double neighbour(const struct lines *l, double bytes)
{
    double seconds = l->n > l->hosts ? l->inside.alpha_s + bytes * l->inside.beta_s : 0;
    if (l->hosts > 1)
        seconds = fmax(seconds, l->alpha_out + bytes * l->beta_one);
    return seconds;
}

static double measured_at(const struct sc_measured *m, double bytes)
{
    int last = m->count - 1;
    if (bytes <= m->bytes[0])
        return m->seconds[0];
    if (bytes >= m->bytes[last])
        return m->seconds[last] * (bytes / m->bytes[last]);
    int low = 0, high = last;
    while (high - low > 1) {
        int middle = (low + high) / 2;
        if (m->bytes[middle] <= bytes)
            low = middle;
        else
            high = middle;
    }
    double t = log(bytes / m->bytes[low]) / log(m->bytes[high] / m->bytes[low]);
    return m->seconds[low] * pow(m->seconds[high] / m->seconds[low], t);
}

/* A table of a group of this size over as many hosts, measured alone: it does not speak of a NIC that others use. */
static const struct sc_measured *measured_for(const struct sc_mesh *mesh, enum sc_collective kind, unsigned axes)
{
    const struct sc_cluster *c = mesh->cluster;
    const struct sc_group *g = &mesh->group[axes];
    if (g->per_host == 0 || (c->between.shared && g->sharing > 1))
        return NULL;
    for (int i = 0; i < c->measured_count; i++) {
        const struct sc_measured *m = &c->measured[i];
        if (m->kind == kind && m->devices == g->devices && m->hosts == g->hosts)
            return m;
    }
    return NULL;
}

static void offer(double seconds, const char *name, double *best, const char **algorithm)
{
    if (seconds < *best) {
        *best = seconds;
        *algorithm = name;
    }
}

static double native_seconds(const struct sc_mesh *mesh, enum sc_collective kind, unsigned axes, double bytes,
                             const char **algorithm)
{
    struct lines l = lines_of(mesh, axes);
    bool two_levels = l.hosts > 1 && l.even && l.per > 1;
    double best = INFINITY;
    const struct sc_measured *measured = measured_for(mesh, kind, axes);
    if (measured != NULL) {
        offer(measured_at(measured, bytes), "measured", &best, algorithm);
        if (bytes >= measured->bytes[0])
            return best; /* smaller messages take less than the smallest measured */
    }
    switch (kind) {
    case SC_ALL_REDUCE:
        offer(2 * ring(&l, bytes), "ring", &best, algorithm);
        offer(tree_all_reduce(&l, bytes), "tree", &best, algorithm);
        if (two_levels)
            offer(hierarchical_all_reduce(&l, bytes), "hierarchical", &best, algorithm);
        return best;
    case SC_ALL_GATHER:
    case SC_REDUCE_SCATTER:
        offer(ring(&l, bytes), "ring", &best, algorithm);
        if (kind == SC_REDUCE_SCATTER)
            offer(tree_all_reduce(&l, bytes), "tree", &best, algorithm); /* and drop the rest */
        if (two_levels)
            offer(hierarchical_half(&l, bytes), "hierarchical", &best, algorithm);
        return best;
    case SC_ALL_TO_ALL:
        offer(pairwise_all_to_all(&l, bytes), "pairwise", &best, algorithm);
        if (two_levels)
            offer(hierarchical_all_to_all(&l, bytes), "hierarchical", &best, algorithm);
        return best;
    case SC_PERMUTE:
    case SC_SEND:
        offer(neighbour(&l, bytes), "direct", &best, algorithm);
        return best;
    case SC_SLICE:
    case SC_COLLECTIVE_COUNT:
        break;
    }
    return 0;
}

/* ---- Alpa's ---------------------------------------------------------------------------------------- */

static double axis_value(const double *values, int count, int axis)
{
    return axis < count ? values[axis] : 1;
}

/* α + β·share·B, then Alpa's small addend that breaks ties: all-gather 0.1, all-reduce 0.01, others 0.001. */
static double alpa_formula(enum sc_collective kind, double n, double alpha, double beta, double bytes, bool playground)
{
    double share = (n - 1) / n, addend = 0.001;
    switch (kind) {
    case SC_ALL_GATHER:
        addend = 0.1;
        break;
    case SC_ALL_REDUCE:
        share *= 2;
        addend = 0.01;
        break;
    case SC_REDUCE_SCATTER:
        break;
    case SC_ALL_TO_ALL:
        share *= (playground ? 1.5 : n / 2) / n;
        break;
    case SC_PERMUTE:
    case SC_SEND: /* Alpa has no formula for these: one message */
        share = 1;
        break;
    case SC_SLICE:
    case SC_COLLECTIVE_COUNT:
        return 0;
    }
    double seconds = alpha + beta * share * bytes;
    return (playground ? trunc(seconds) : seconds) + addend;
}

/* Over several axes: Alpa flattens the mesh and takes the largest α and the smallest β (LogicalDeviceMesh.flatten);
 * its playground adds up one collective an axis. */
static double alpa_seconds(const struct sc_mesh *mesh, enum sc_collective kind, unsigned axes, double bytes)
{
    const struct sc_cluster *c = mesh->cluster;
    bool playground = mesh->formulas == SC_FORMULAS_ALPA_PLAYGROUND;
    double alpha = 0, beta = INFINITY, sum = 0;
    for (int a = 0; a < mesh->axes.count; a++) {
        if ((axes >> a & 1) == 0 || mesh->axes.size[a] == 1)
            continue;
        double axis_alpha = axis_value(c->axis_alpha, c->axis_count, a);
        double axis_beta = axis_value(c->axis_beta, c->axis_count, a);
        alpha = fmax(alpha, axis_alpha);
        beta = fmin(beta, axis_beta);
        sum += alpa_formula(kind, mesh->axes.size[a], axis_alpha, axis_beta, bytes, playground);
    }
    return playground ? sum : alpa_formula(kind, mesh->group[axes].devices, alpha, beta, bytes, playground);
}

double sc_collective_seconds(const struct sc_mesh *mesh, enum sc_collective kind, unsigned axes, double bytes,
                             const char **algorithm)
{
    const char *ignored;
    if (algorithm == NULL)
        algorithm = &ignored;
    *algorithm = "none";
    axes &= (1u << mesh->axes.count) - 1;
    if (mesh->group[axes].devices <= 1 || !(bytes > 0) || kind == SC_SLICE)
        return 0;
    if (mesh->formulas == SC_FORMULAS_NATIVE)
        return native_seconds(mesh, kind, axes, bytes, algorithm);
    *algorithm = "alpa";
    return alpa_seconds(mesh, kind, axes, bytes);
}

double sc_mesh_price(const void *mesh, enum sc_collective kind, unsigned axes, double bytes)
{
    return sc_collective_seconds(mesh, kind, axes, bytes, NULL);
}
