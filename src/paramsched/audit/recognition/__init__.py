"""Recognition of the schedule of a run without a plan."""

from paramsched.audit.recognition.recognizing import Recognition as Recognition
from paramsched.audit.recognition.recognizing import RecognitionNote as RecognitionNote
from paramsched.audit.recognition.recognizing import Recognized as Recognized
from paramsched.audit.recognition.recognizing import recognize as recognize
