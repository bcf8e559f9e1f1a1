"""A made-up company, Altyn Home of Kazakhstan: help pages in English and Russian, and the day that `mainstay demo` plays."""
