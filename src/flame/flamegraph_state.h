/*
 * flamegraph_state.h
 *	  The aggregates that make flame graphs.
 */
#ifndef PYRO_FLAMEGRAPH_STATE_H
#define PYRO_FLAMEGRAPH_STATE_H

extern void flamegraph_state_init(void);

#endif							/* PYRO_FLAMEGRAPH_STATE_H */
