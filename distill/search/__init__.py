"""Search for students: many small trainings, judged on background by what they accept and cost."""

from __future__ import annotations
