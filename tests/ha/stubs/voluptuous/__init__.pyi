# Home Assistant puts probatio in voluptuous' place.
from probatio import *
