/*
 * scan_pages.h
 *	  The state of scans that take the table page by page.
 */
#ifndef PYRO_SCAN_PAGES_H
#define PYRO_SCAN_PAGES_H

#include "tableam/scan.h"

/* Start over, and give back what is held. */
void		scan_pages_reset(PyroScan *scan);
void		scan_pages_end(PyroScan *scan);

#endif							/* PYRO_SCAN_PAGES_H */
